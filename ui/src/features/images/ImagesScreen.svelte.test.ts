import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import { host } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import ImagesScreen from "./ImagesScreen.svelte";

beforeEach(() => vi.restoreAllMocks());

it("starts the machine where it says that the machine is stopped", async () => {
	fixture.setUp("machine-off");
	await engine.start();
	await machine.start();
	fixture.emit("engineStateChanged", engineState("machine-off"));
	fixture.emit("machineChanged", machineView("machine-off"));
	render(ImagesScreen);
	const empty = await screen.findByTestId("images-no-engine");
	expect(empty.textContent).toContain("The machine is stopped");
	const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	screen.getByTestId("machine-start").click();
	await waitFor(() => expect(act).toHaveBeenCalledWith("start"));
});

it("offers the start as soon as the machine's engine is gone", () => {
	fixture.emit("engineStateChanged", engineState("machine-running"));
	fixture.emit("machineChanged", machineView("machine-running"));
	flushSync();
	expect(machine.offered).toBe(false);
	const state = engineState("machine-running");
	if (state.type !== "connected") throw new Error("the machine's engine is in use");
	const error = { kind: "no_engine", message: "gone", hint: null, detail: null } as const;
	fixture.emit("machineChanged", machineView("machine-stopped"));
	fixture.emit("engineStateChanged", { type: "reconnecting", engine: state.engine, error });
	flushSync();
	expect(machine.offered).toBe(true);
});
