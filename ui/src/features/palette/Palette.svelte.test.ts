import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import { host } from "../../host/host";
import { register } from "../../shell/commands";
import { commands } from "../../state/commands.svelte";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { containers } from "../containers/containers.svelte";
import { register as registerContainers } from "../containers/register";
import Palette from "./Palette.svelte";

beforeAll(async () => {
	fixture.setUp("machine-running");
	await engine.start();
	await machine.start();
	register();
	registerContainers();
});

beforeEach(async () => {
	fixture.setUp("machine-running");
	fixture.emit("engineStateChanged", engineState("machine-running"));
	fixture.emit("machineChanged", machineView("machine-running"));
	await waitFor(() => expect(containers.loaded).toBe(true));
	commands.paletteOpen = true;
	render(Palette);
});

/** The titles that are listed for these words. */
async function listed(words: string): Promise<string[]> {
	const asked = vi.spyOn(host, "catalogSearch");
	await fireEvent.input(screen.getByTestId("palette-input"), { target: { value: words } });
	await waitFor(() => expect(asked).toHaveBeenCalled());
	await asked.mock.results.at(-1)?.value;
	await new Promise((done) => setTimeout(done));
	return [...document.querySelectorAll("#palette-list .title")].map((title) => title.textContent ?? "");
}

test("every command has an icon, and says what it does", () => {
	for (const { title, icon } of commands.list()) {
		expect(icon, title).toBeTruthy();
		expect(title).toMatch(
			/^(Go to|Show|Open|Start|Stop|Restart|Remove|Resume|Pause|Change|Delete|Use|Theme|List density|Zoom|Reset|Refresh) ?/,
		);
	}
});

test("a verb runs no image of that name", async () => {
	const titles = await listed("stop");
	expect(titles).toContain("Stop Slipway’s machine…");
	expect(titles.filter((title) => title.startsWith("Run "))).toEqual([]);
});

test("the machine's actions are listed, and no image whose description mentions one", async () => {
	const answer = await host.catalogSearch("alpine", null);
	vi.spyOn(host, "catalogSearch").mockResolvedValueOnce({ ...answer, reference: "machine:latest" });
	const titles = await listed("machine");
	expect(titles).toEqual(
		expect.arrayContaining([
			"Change the settings of Slipway’s machine…",
			"Show the log of Slipway’s machine",
			"Delete Slipway’s machine…",
		]),
	);
	expect(titles.filter((title) => title.startsWith("Run "))).toEqual([]);
});

test("an image goes by its name, its reference, or when nothing else matches", async () => {
	expect(await listed("alpine")).toContain("Run Alpine Linux…");
	expect((await listed("ghcr.io/org/app:1")).at(-1)).toBe("Run ghcr.io/org/app:1…");
	expect(await listed("qqxxqq")).toEqual(["Run qqxxqq…"]);
});

test("a pasted docker run line offers its image, and says that its options are not used", async () => {
	expect(await listed("docker run -p 8085:80 nginx:1.26")).toContain("Run nginx:1.26…");
	expect(screen.getByTestId("palette-options").textContent).toContain("options of the command are not used");
});
