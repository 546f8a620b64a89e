import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { engineState } from "../host/fixture/engine";
import { fixture } from "../host/fixture/index";
import { machineView } from "../host/fixture/machine";
import type { Scene } from "../host/fixture/scene";
import { host } from "../host/host";
import { engine } from "../state/engine.svelte";
import { machine } from "../state/machine.svelte";
import { navigation } from "../state/navigation.svelte";
import Nav from "./Nav.svelte";

async function shown(scene: Scene) {
	fixture.setUp(scene);
	await engine.start();
	await machine.start();
	fixture.emit("engineStateChanged", engineState(scene));
	fixture.emit("machineChanged", machineView(scene));
	render(Nav);
	flushSync();
}

beforeEach(() => {
	vi.restoreAllMocks();
	navigation.go("browse");
});

it("starts the machine with one click, and shows the start", async () => {
	await shown("no-engine");
	const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	expect(screen.getByTestId("engine-state").textContent).toBe("None is responding");
	const start = screen.getByTestId("nav-machine-start");
	// It appears late, and moves neither Settings nor the card.
	for (const below of ["nav-settings", "nav-engine"])
		expect(
			start.compareDocumentPosition(screen.getByTestId(below)) & Node.DOCUMENT_POSITION_FOLLOWING,
		).toBeTruthy();
	start.click();
	await waitFor(() => expect(act).toHaveBeenCalledWith("start"));
	// It starts from here, without a detour over the Engine screen.
	expect(navigation.screen).toBe("browse");
	fixture.emit("machineChanged", machineView("machine-starting"));
	flushSync();
	expect(screen.queryByTestId("nav-machine-start")).toBeNull();
	expect(screen.getByTestId("engine-state").textContent).toBe("Starting the engine…");
});

it("offers to start a machine that is stopped", async () => {
	await shown("machine-off");
	expect(screen.getByTestId("engine-state").textContent).toBe("Stopped");
	expect(screen.getByTestId("nav-machine-start").textContent).toContain("Start");
});

it("repeats no text in a tooltip", async () => {
	await shown("machine-running");
	const card = screen.getByTestId("nav-engine");
	expect(card.textContent).toContain("Slipway’s machine");
	expect(card.title).toBe("");
	expect(screen.queryByTestId("nav-machine-start")).toBeNull();
});

it("names the engine, its version and its size at the foot of a narrow window", async () => {
	await shown("normal");
	const foot = screen.getByRole("region", { name: "Messages" }).textContent?.trim();
	expect(foot).toMatch(/^Docker [\d.]+ · \d+ CPUs · /);
	expect(foot).toContain(screen.getByTestId("engine-state").textContent);
});
