import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { host } from "../../host/host";
import { register } from "../../shell/commands";
import { help } from "../../shell/shortcuts.svelte";
import { density } from "../../state/density.svelte";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { theme } from "../../state/theme.svelte";
import { zoom } from "../../state/zoom.svelte";
import SettingsScreen from "./SettingsScreen.svelte";

beforeEach(async () => {
	vi.restoreAllMocks();
	localStorage.clear();
	fixture.setUp("normal");
	await engine.start();
	theme.choose("system");
	density.choose("comfortable");
	await zoom.set(100);
});

it("changes theme and density at once, and remembers them", async () => {
	render(SettingsScreen);
	await fireEvent.click(screen.getByTestId("theme-dark"));
	await fireEvent.click(screen.getByTestId("density-compact"));
	expect(document.documentElement.dataset).toMatchObject({ theme: "dark", density: "compact" });
	expect(density.rowHeight).toBe(32);
	expect(localStorage.getItem("slipway.theme")).toBe('"dark"');
	expect(localStorage.getItem("slipway.density")).toBe('"compact"');
	await fireEvent.click(screen.getByTestId("density-comfortable"));
	expect(density.rowHeight).toBe(40);
});

it("zooms within the bounds, and back", async () => {
	const zoomed = vi.spyOn(host, "windowZoom").mockResolvedValue(null);
	render(SettingsScreen);
	const level = () => screen.getByTestId("zoom-level").textContent;
	await fireEvent.click(screen.getByTestId("zoom-in"));
	await waitFor(() => expect(level()).toBe("110%"));
	expect(zoomed).toHaveBeenLastCalledWith(110);
	expect(localStorage.getItem("slipway.zoom")).toBe("110");
	await zoom.set(1000);
	await waitFor(() => expect(level()).toBe("300%"));
	expect(screen.getByTestId<HTMLButtonElement>("zoom-in").disabled).toBe(true);
	await fireEvent.click(screen.getByTestId("zoom-reset"));
	await waitFor(() => expect(level()).toBe("100%"));
	await zoom.set(Number.NaN);
	expect(zoom.level).toBe(100);
});

it("shows the engine that the settings name, and Automatic where they name none", async () => {
	render(SettingsScreen);
	await waitFor(() => expect(screen.getByTestId("settings-engine").textContent).toContain("Automatic"));
	await engine.use("podman");
	await waitFor(() => expect(screen.getByTestId("settings-engine").textContent).toContain("podman"));
	await engine.useDefault();
	await waitFor(() => expect(screen.getByTestId("settings-engine").textContent).toContain("Automatic"));
});

it("says the version and where releases are, and offers no check that it cannot make", async () => {
	const opened = vi.spyOn(host, "openUrl");
	render(SettingsScreen);
	await waitFor(() => expect(screen.getByTestId("settings-version").textContent).toContain("0.1.0"));
	await fireEvent.click(screen.getByTestId("settings-releases"));
	expect(opened).toHaveBeenCalledWith("https://github.com/slipway-app/slipway/releases");
	expect(screen.queryByRole("switch")).toBeNull();
});

it("leads to the shortcuts, to where problems are reported, and copies the versions", async () => {
	const opened = vi.spyOn(host, "openUrl");
	const copied = vi.fn(async () => {});
	Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: copied } });
	register();
	render(SettingsScreen);
	await fireEvent.click(await screen.findByTestId("settings-issues"));
	expect(opened).toHaveBeenCalledWith("https://github.com/slipway-app/slipway/issues");
	await fireEvent.click(screen.getByTestId("settings-copy-version"));
	expect(copied).toHaveBeenCalledWith(expect.stringMatching(/^Slipway 0\.1\.0 \(.+\), \w+ [\d.]+ \(.+\)$/));
	await fireEvent.click(screen.getByTestId("settings-shortcuts"));
	expect(help.open).toBe(true);
	help.open = false;
});

it("leads to the settings of the machine, where there is one", async () => {
	fixture.setUp("machine-running");
	await machine.start();
	render(SettingsScreen);
	await fireEvent.click(await screen.findByTestId("settings-machine"));
	expect(navigation.screen).toBe("engine");
});
