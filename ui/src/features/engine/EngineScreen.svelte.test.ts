import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import type { Scene } from "../../host/fixture/scene";
import { HostError, host } from "../../host/host";
import { register } from "../../shell/commands";
import EngineCard from "../../shell/EngineCard.svelte";
import MachineStopDialog from "../../shell/MachineStopDialog.svelte";
import { commands } from "../../state/commands.svelte";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { toasts } from "../../state/toasts.svelte";
import { diskUsage } from "./disk_usage.svelte";
import EngineScreen from "./EngineScreen.svelte";

async function shown(scene: Scene) {
	fixture.setUp(scene);
	await engine.start();
	await machine.start();
	fixture.emit("engineStateChanged", await host.engineState());
	fixture.emit("machineChanged", machineView(scene));
	render(EngineScreen);
	flushSync();
}

beforeEach(() => {
	toasts.all = [];
	machine.confirming = null;
	vi.restoreAllMocks();
});

it("offers the machine where no engine answers, and shows its start phase by phase", async () => {
	await shown("no-engine");
	expect(screen.getByTestId("no-engine")).toBeTruthy();
	screen.getByTestId("machine-start").click();
	await waitFor(() => expect(screen.getByTestId("machine").dataset.state).toBe("running"));
	expect(engine.connected).toBe(true);
	expect(machine.used).toBe(true);
	expect(screen.queryByTestId("no-engine")).toBeNull();
});

it("has a card for each engine, the one in use first, and the machine's can be used", async () => {
	await shown("machine-unused");
	await waitFor(() => expect(screen.getByTestId("use-podman")).toBeTruthy());
	const cards = [...screen.getByTestId("engine-endpoints").children].map((card) =>
		card.getAttribute("data-testid"),
	);
	expect(cards).toEqual([
		"engine-current",
		"machine",
		"endpoint-podman",
		"endpoint-work",
		"endpoint-rootless",
	]);
	// The usage of the engine in use is on its own card, the machine's on the machine's card.
	expect(screen.getByTestId("engine-current").querySelector("[data-testid=disk]")).toBeTruthy();
	const card = screen.getByTestId("machine");
	expect(card.querySelector("[data-testid=machine-resources]")).toBeTruthy();
	expect(card.querySelector("[data-testid=disk]")).toBeNull();
	screen.getByTestId("use-machine").click();
	await waitFor(() => expect(card.dataset.current).toBe("true"));
	expect(screen.queryByTestId("engine-current")).toBeNull();
	expect(screen.queryByTestId("use-machine")).toBeNull();
});

it("says that the chosen machine is stopped, and offers what responds", async () => {
	await shown("machine-off");
	const lead = screen.getByTestId("no-engine");
	expect(lead.textContent).toContain("The machine is stopped");
	expect(screen.getByTestId("machine-start")).toBeTruthy();
	const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	screen.getByTestId("no-engine-start").click();
	await waitFor(() => expect(act).toHaveBeenCalledWith("start"));
	const use = vi.spyOn(host, "engineUse");
	screen.getByTestId("use-instead-podman").click();
	await waitFor(() => expect(use).toHaveBeenCalledWith("podman"));
	await waitFor(() => expect(screen.queryByTestId("no-engine")).toBeNull());
});

it("lists engines anew when the configuration was written and when the window gets the focus", async () => {
	await shown("normal");
	const list = vi.spyOn(host, "engineList");
	await waitFor(() => expect(screen.getByTestId("endpoint-podman")).toBeTruthy());
	const before = list.mock.calls.length;
	fixture.emit("configurationChanged", null);
	await waitFor(() => expect(list.mock.calls.length).toBe(before + 1));
	await waitFor(() => expect(engine.probing).toBe(false));
	dispatchEvent(new Event("focus"));
	await waitFor(() => expect(list.mock.calls.length).toBe(before + 2));
});

it.each(["stop", "restart"] as const)(
	"asks before a %s ends running containers, and says how many",
	async (action) => {
		await shown("machine-running");
		const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
		render(MachineStopDialog);
		screen.getByTestId(`machine-${action}`).click();
		const dialog = await screen.findByTestId("machine-stop-dialog");
		expect(dialog.textContent).toContain("14 running containers will be stopped.");
		expect(dialog.textContent).toContain("db and web have no restart policy");
		expect(act).not.toHaveBeenCalled();
		screen.getByTestId("machine-stop-confirm").click();
		await waitFor(() => expect(act).toHaveBeenCalledWith(action));
	},
);

it("keeps the question before a stop up to date, and makes a stop and a restart look the same", async () => {
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
	try {
		await shown("machine-running");
		render(MachineStopDialog);
		screen.getByTestId("machine-restart").click();
		const dialog = await screen.findByTestId("machine-stop-dialog");
		expect(screen.getByTestId("machine-stop-confirm").classList).toContain("danger-go");
		const effect = vi.spyOn(host, "machineStopEffect");
		effect.mockResolvedValue({ running: 15, stays_stopped: [] });
		await vi.advanceTimersByTimeAsync(1100);
		expect(dialog.textContent).toContain("15 running containers will be stopped.");
		effect.mockResolvedValue({ running: 0, stays_stopped: [] });
		await vi.advanceTimersByTimeAsync(1100);
		expect(dialog.textContent).toContain("No container is running.");
		screen.getByTestId("dialog-cancel").click();
		await waitFor(() => expect(machine.confirming).toBeNull());
		const asked = effect.mock.calls.length;
		await vi.advanceTimersByTimeAsync(3000);
		expect(effect.mock.calls.length).toBe(asked);
	} finally {
		vi.useRealTimers();
	}
});

it("asks the same when the machine is stopped from the palette", async () => {
	await shown("machine-running");
	const act = vi.spyOn(host, "machineAct");
	register();
	commands
		.list()
		.find(({ id }) => id === "machine.stop")
		?.run();
	await waitFor(() => expect(machine.confirming).toMatchObject({ action: "stop", effect: { running: 14 } }));
	expect(act).not.toHaveBeenCalled();
});

it("stops a machine without running containers at once", async () => {
	await shown("machine-running");
	vi.spyOn(host, "machineStopEffect").mockResolvedValue({ running: 0, stays_stopped: [] });
	const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	screen.getByTestId("machine-stop").click();
	await waitFor(() => expect(act).toHaveBeenCalledWith("stop"));
	expect(machine.confirming).toBeNull();
});

it("does not offer the machine where another engine was chosen", async () => {
	await shown("no-engine");
	const state = engineState("no-engine");
	if (state.type === "no_engine") fixture.emit("engineStateChanged", { ...state, machine_helps: false });
	flushSync();
	expect(screen.queryByTestId("machine-start")).toBeNull();
});

it.each<[Scene, string, string[]]>([
	["machine-preparing", "preparing", ["machine-cancel"]],
	["machine-starting", "starting", ["machine-cancel", "machine-phases"]],
	["machine-running", "running", ["machine-stop", "machine-restart", "machine-delete", "machine-ports"]],
	["machine-unresponsive", "unresponsive", ["machine-restart", "machine-stop"]],
	["machine-stopped", "stopped", ["machine-start", "machine-delete"]],
	["machine-out-of-reach", "out_of_reach", ["machine-out-of-reach"]],
	["machine-broken", "broken", ["machine-start", "machine-broken"]],
	["machine-disk-broken", "broken", ["machine-repair", "machine-delete"]],
])("%s can be told and dealt with", async (scene, state, controls) => {
	await shown(scene);
	expect(screen.getByTestId("machine").dataset.state).toBe(state);
	for (const control of controls) expect(screen.getByTestId(control)).toBeTruthy();
});

it("keeps the Cancel button under the pointer while a start goes on", async () => {
	await shown("machine-preparing");
	const cancel = screen.getByTestId("machine-cancel");
	fixture.emit("machineChanged", machineView("machine-starting"));
	flushSync();
	expect(screen.getByTestId("machine").dataset.state).toBe("starting");
	expect(screen.getByTestId("machine-cancel")).toBe(cancel);
});

it("says that a start is being cancelled, and what a stop does otherwise", async () => {
	await shown("machine-starting");
	fixture.emit("machineChanged", machineView("machine-stopping"));
	flushSync();
	fixture.emit("machineChanged", machineView("machine-stopping"));
	flushSync();
	expect(screen.getByTestId("machine").textContent).toContain("Cancelling the start");
	fixture.emit("machineChanged", machineView("machine-running"));
	fixture.emit("machineChanged", machineView("machine-stopping"));
	flushSync();
	expect(screen.getByTestId("machine").textContent).toContain("Stopping containers and writing data");
});

it("counts a step from its beginning, whenever the screen is opened", async () => {
	const clock = vi.spyOn(Date, "now").mockReturnValue(1_000_000);
	await shown("machine-stopped");
	fixture.emit("machineChanged", machineView("machine-starting"));
	clock.mockReturnValue(1_007_000);
	fixture.emit("machineChanged", machineView("machine-starting"));
	cleanup();
	render(EngineScreen);
	flushSync();
	expect(screen.getByTestId("machine-phases").lastElementChild?.textContent).toContain("7.0 s");
});

it("says that the machine was deleted, and only where it was", async () => {
	await shown("machine-stopped");
	vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	await machine.act("delete");
	expect(toasts.all).toEqual([]);
	fixture.emit("machineChanged", machineView("no-engine"));
	expect(toasts.all.map(({ title }) => title)).toEqual(["Slipway’s machine was deleted"]);
	toasts.all = [];
	fixture.emit("machineChanged", machineView("machine-stopped"));
	fixture.emit("machineChanged", machineView("no-engine"));
	expect(toasts.all).toEqual([]);
});

it("has one primary button to start a stopped machine", async () => {
	await shown("machine-off");
	expect(screen.getByTestId("no-engine-start").classList).toContain("go");
	expect(screen.getByTestId("machine-start").classList).not.toContain("go");
});

it("opens the machine's settings, log and deletion from the palette", async () => {
	await shown("machine-stopped");
	register();
	const run = (id: string) => {
		commands
			.list()
			.find((command) => command.id === id)
			?.run();
		flushSync();
	};
	run("machine.settings");
	await screen.findByTestId("machine-settings-dialog");
	run("machine.log");
	await waitFor(() => expect(screen.getByTestId<HTMLDetailsElement>("machine-log").open).toBe(true));
	run("machine.delete");
	const field = await screen.findByTestId("machine-delete-name");
	await waitFor(() => expect(document.activeElement).toBe(field));
});

it("relates the memory in use to the assigned memory", async () => {
	await shown("machine-running");
	expect(screen.getByTestId("machine-memory").textContent).toBe("393 MB of 2 GB");
});

it("shows what is left over of a disk with little on it", async () => {
	await shown("machine-running");
	const view = machineView("machine-running");
	if (!view.disk) throw new Error("the fixture has a disk");
	const usage = { images: 1_200_000, containers: 0, volumes: 0, build_cache: 0 };
	vi.spyOn(host, "engineDiskUsage").mockResolvedValue(usage);
	await diskUsage.load();
	fixture.emit("machineChanged", { ...view, disk: { ...view.disk, used_in_guest: 4_100_000 } });
	await waitFor(() => expect(screen.getByTestId("disk-other").textContent).toBe("2.9 MB"));
});

it("marks every setting that is impossible, in place", async () => {
	await shown("machine-running");
	screen.getByTestId("machine-settings").click();
	const dialog = await screen.findByTestId("machine-settings-dialog");
	const cpus = screen.getByTestId<HTMLInputElement>("machine-cpus");
	await waitFor(() => expect(document.activeElement).toBe(cpus));
	expect(dialog.textContent).toContain("Driver");
	expect(dialog.textContent).not.toContain("Virtualization");
	const choose = vi.spyOn(host, "machineSettings");
	const type = (testid: string, value: string) =>
		fireEvent.input(screen.getByTestId(testid), { target: { value } });
	await type("machine-cpus", "9");
	await type("machine-memory-input", "99");
	await type("machine-disk", "32");
	const marked = () => [...dialog.querySelectorAll("[aria-invalid=true]")].map((field) => field.id);
	expect(marked()).toEqual(["machine-cpus", "machine-memory", "machine-disk"]);
	expect(dialog.textContent).toContain("Choose a whole number from 1 to 8");
	expect(dialog.textContent).toContain("Choose 512 MB to 15 GB");
	expect(dialog.textContent).toContain("cannot shrink");
	screen.getByTestId("machine-settings-save").click();
	expect(choose).not.toHaveBeenCalled();
	await type("machine-cpus", "4");
	expect(marked()).toEqual(["machine-memory", "machine-disk"]);
});

it.each(["", "many"])("says what is expected where a setting is %j", async (text) => {
	await shown("machine-running");
	screen.getByTestId("machine-settings").click();
	const dialog = await screen.findByTestId("machine-settings-dialog");
	const save = screen.getByTestId<HTMLButtonElement>("machine-settings-save");
	await waitFor(() => expect(save.disabled).toBe(false));
	for (const [testid, expected] of [
		["machine-cpus", "Choose a whole number from 1 to 8."],
		["machine-memory-input", "Choose 512 MB to 15 GB."],
		["machine-disk", "Choose 64 GB to 16 TB, in whole GB."],
	] as const) {
		const field = screen.getByTestId<HTMLInputElement>(testid);
		const before = field.value;
		expect(dialog.textContent).not.toContain(expected);
		await fireEvent.input(field, { target: { value: text } });
		expect(dialog.textContent).toContain(expected);
		expect(field.getAttribute("aria-invalid")).toBe("true");
		expect(save.disabled).toBe(true);
		await fireEvent.input(field, { target: { value: before } });
		expect(save.disabled).toBe(false);
	}
});

it("offers to power off a machine whose containers take their time, and not before", async () => {
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
	try {
		await shown("machine-stopping");
		vi.advanceTimersByTime(4000);
		// Status updates keep arriving meanwhile.
		fixture.emit("machineChanged", machineView("machine-stopping"));
		flushSync();
		expect(screen.queryByTestId("machine-switch-off")).toBeNull();
		vi.advanceTimersByTime(1500);
		flushSync();
		const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
		screen.getByTestId("machine-switch-off").click();
		expect(act).toHaveBeenCalledWith("switch_off");
	} finally {
		vi.useRealTimers();
	}
});

it("says that a machine that stops for a restart starts again", async () => {
	await shown("machine-running");
	vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	const become = (scene: Scene) => {
		fixture.emit("machineChanged", machineView(scene));
		flushSync();
	};
	await machine.act("restart");
	become("machine-stopping");
	expect(screen.getByTestId("machine").textContent).toContain("it starts again afterwards");
	become("machine-stopped");
	become("machine-starting");
	become("machine-running");
	await machine.act("stop");
	become("machine-stopping");
	expect(screen.getByTestId("machine").textContent).not.toContain("it starts again afterwards");
});

it("takes a unit that is typed with the memory", async () => {
	await shown("machine-running");
	const choose = vi.spyOn(host, "machineSettings");
	screen.getByTestId("machine-settings").click();
	const dialog = await screen.findByTestId("machine-settings-dialog");
	const field = screen.getByTestId<HTMLInputElement>("machine-memory-input");
	const unit = () => dialog.querySelector("[aria-label=Unit]")?.textContent?.trim();
	expect([field.value, unit()]).toEqual(["2", "GB"]);
	await fireEvent.input(field, { target: { value: "512 MB" } });
	expect([field.value, unit(), field.getAttribute("aria-invalid")]).toEqual(["512", "MB", null]);
	await fireEvent.input(field, { target: { value: "1,5gb" } });
	expect([field.value, unit()]).toEqual(["1.5", "GB"]);
	screen.getByTestId("machine-settings-save").click();
	await waitFor(() => expect(choose).toHaveBeenCalledWith(expect.objectContaining({ memory_mb: 1536 })));
	await waitFor(() => expect(screen.queryByTestId("machine-settings-dialog")).toBeNull());
});

it("forgets why settings were refused as soon as one changes, and offers the drivers of this system", async () => {
	await shown("machine-running");
	screen.getByTestId("machine-settings").click();
	await screen.findByTestId("machine-settings-dialog");
	const refusal = { kind: "conflict" as const, message: "The disk is in use", hint: null, detail: null };
	vi.spyOn(host, "machineSettings").mockRejectedValueOnce(new HostError(refusal));
	screen.getByTestId("machine-settings-save").click();
	await screen.findByTestId("machine-settings-error");
	await fireEvent.input(screen.getByTestId("machine-cpus"), { target: { value: "3" } });
	expect(screen.queryByTestId("machine-settings-error")).toBeNull();
	await fireEvent.keyDown(screen.getByTestId("machine-driver"), { key: "Enter" });
	await screen.findByRole("option", { name: "QEMU" });
	expect(screen.getAllByRole("option").map((option) => option.textContent?.trim())).toEqual([
		"Automatic",
		"QEMU",
	]);
	await fireEvent.keyDown(document.activeElement!, { key: "Escape" });
});

it("deletes only what was named", async () => {
	await shown("machine-stopped");
	// Otherwise it would disappear during the next test.
	const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
	screen.getByTestId("machine-delete").click();
	const confirm = await screen.findByTestId<HTMLButtonElement>("machine-delete-confirm");
	expect(confirm.disabled).toBe(true);
	const field = screen.getByTestId<HTMLInputElement>("machine-delete-name");
	const type = (text: string) => {
		field.value = text;
		field.dispatchEvent(new InputEvent("input", { bubbles: true }));
		flushSync();
	};
	type("machin");
	expect(confirm.disabled).toBe(true);
	expect(act).not.toHaveBeenCalled();
	type("machine");
	expect(confirm.disabled).toBe(false);
	confirm.click();
	await waitFor(() => expect(act).toHaveBeenCalledWith("delete"));
});

it("says in the dialog why settings are refused, and that accepted ones wait for a restart", async () => {
	await shown("machine-running");
	screen.getByTestId("machine-settings").click();
	const field = await screen.findByTestId<HTMLInputElement>("machine-disk");
	const type = (text: string) => {
		field.value = text;
		field.dispatchEvent(new InputEvent("input", { bubbles: true }));
		flushSync();
	};
	await waitFor(() => expect(field.value).toBe("64"));
	type("128");
	const refusal = { kind: "conflict" as const, message: "The disk is in use", hint: null, detail: null };
	const refuse = vi.spyOn(host, "machineSettings").mockRejectedValueOnce(new HostError(refusal));
	screen.getByTestId("machine-settings-save").click();
	await waitFor(() =>
		expect(screen.getByTestId("machine-settings-error").textContent).toContain("The disk is in use"),
	);
	refuse.mockRestore();
	// Usage updates keep arriving, and do not change the form.
	fixture.emit("machineChanged", machineView("machine-running"));
	flushSync();
	expect(field.value).toBe("128");
	screen.getByTestId("machine-settings-save").click();
	await waitFor(() => expect(screen.queryByTestId("machine-settings-dialog")).toBeNull());
	await waitFor(() => expect(machine.view?.settings.disk_gb).toBe(128));
	expect(await screen.findByTestId("machine-restart-needed")).toBeTruthy();
});

it("shows what holds beside what will, and offers a restart only of what runs", async () => {
	await shown("machine-running");
	const running = machineView("machine-running");
	const settings = { ...running.settings, cpus: 4 };
	fixture.emit("machineChanged", { ...running, settings, restart_needed: true, runs_with: running.settings });
	flushSync();
	const resources = screen.getByTestId("machine-resources");
	expect(resources.textContent).toContain("2 of 8");
	expect(resources.textContent).toContain("4 after a restart");
	expect(resources.textContent?.match(/after a restart/g)).toHaveLength(1);
	expect(screen.getByTestId("machine-restart-now")).toBeTruthy();
	const stopping = machineView("machine-stopping");
	fixture.emit("machineChanged", {
		...stopping,
		settings,
		restart_needed: true,
		runs_with: running.settings,
	});
	flushSync();
	expect(screen.queryByTestId("machine-restart-now")).toBeNull();
});

it("adds up the disk of the engine that is used, and says what came back", async () => {
	await shown("machine-running");
	await waitFor(() => expect(screen.getByTestId("disk-images").textContent).toBe("3.9 GB"));
	expect(screen.getByTestId("disk-spare").textContent).toContain("2.2 GB");
	screen.getByTestId("machine-reclaim").click();
	await waitFor(() =>
		expect(toasts.all.map((toast) => toast.title)).toEqual(["2.2 GB returned to this computer"]),
	);
});

it("shows parts that add up to what is in use, and gives the limit another name", async () => {
	await shown("machine-running");
	const view = machineView("machine-running");
	if (!view.disk) throw new Error("the fixture has a disk");
	fixture.emit("machineChanged", { ...view, disk: { ...view.disk, used_in_guest: 7_112_000_000 } });
	const card = screen.getByTestId("disk");
	await waitFor(() =>
		expect([...card.querySelectorAll("dd")].map((part) => part.textContent)).toEqual([
			"3.9 GB",
			"1.8 GB",
			"12 MB",
			"400 MB",
			"1 GB",
		]),
	);
	expect(screen.getByTestId("disk-used").textContent).toBe("7.1 GB in use inside the machine");
	expect(card.textContent).toContain("disk file takes 8.3 GB on this computer");
	expect(card.textContent).not.toContain("64 GB");
	expect(screen.getByTestId("machine-resources").textContent).toMatch(/Disk limit\s*64 GB/);
});

it.each(["imagesChanged", "volumesChanged"] as const)("adds the disk up again after %s", async (event) => {
	// Installed from the start, so that no timer uses the real clock.
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"], shouldAdvanceTime: true });
	try {
		const asked = vi.spyOn(host, "engineDiskUsage");
		await shown("machine-running");
		// The previous content may stay while this is in flight.
		await waitFor(() => expect(asked).toHaveBeenCalledTimes(1));
		await waitFor(() => expect(diskUsage.loading).toBe(false));
		expect(screen.getByTestId("disk-images").textContent).toBe("3.9 GB");
		const usage = { images: 5_000_000_000, containers: 0, volumes: 0, build_cache: 0 };
		asked.mockReset().mockResolvedValue(usage);
		// A burst of changes causes one load.
		for (let i = 0; i < 3; i += 1) fixture.emit(event, null);
		await vi.advanceTimersByTimeAsync(5000);
		expect(asked).toHaveBeenCalledTimes(1);
		flushSync();
		expect(screen.getByTestId("disk-images").textContent).toBe("5 GB");
		// A snapshot counts as no change.
		fixture.emit("containersChanged", { revision: 1, upserted: [], removed: [], reset: true });
		await vi.advanceTimersByTimeAsync(10_000);
		expect(asked).toHaveBeenCalledTimes(1);
	} finally {
		vi.useRealTimers();
	}
});

it("adds up nothing for an engine that is gone, and forgets what it asked it", async () => {
	const asked = vi.spyOn(host, "engineDiskUsage");
	const none = { images: 0, containers: 0, volumes: 0, build_cache: 0 };
	let fail = (_: unknown) => {};
	asked.mockReset().mockImplementation(() => new Promise((_, reject) => (fail = reject)));
	await shown("machine-running");
	await waitFor(() => expect(diskUsage.loading).toBe(true));
	const before = fail;
	fixture.emit("engineStateChanged", engineState("no-engine"));
	flushSync();
	expect(diskUsage.loading).toBe(false);
	asked.mockResolvedValue(none);
	// The same engine is back.
	fixture.emit("engineStateChanged", engineState("machine-running"));
	await waitFor(() => expect(diskUsage.now).toEqual(none));
	before(new Error("the engine is gone"));
	await new Promise((done) => setTimeout(done));
	expect(diskUsage.error).toBeNull();
});

it("says what the machine warns of, and why it is slow", async () => {
	await shown("machine-running");
	fixture.emit("machineChanged", {
		...machineView("machine-running"),
		warnings: ["Only 900 MB are free on this computer"],
		accelerator: {
			name: "tcg",
			reason: "`/dev/kvm` cannot be opened",
			hint: "Add yourself to the group `kvm`",
			detail: "open: Permission denied",
		},
	});
	flushSync();
	expect(screen.getByTestId("machine-warning").textContent).toContain("900 MB");
	const slow = screen.getByTestId("machine-slow");
	expect(slow.textContent).toContain("Hardware acceleration is unavailable");
	expect(slow.textContent).toContain("group kvm");
	// The system's message is there, collapsed.
	expect(slow.querySelector("details")?.open).toBe(false);
	expect(slow.querySelector("details")?.textContent).toContain("open: Permission denied");
	// A long one scrolls, also by keyboard.
	expect(slow.querySelector("pre")?.tabIndex).toBe(0);
});

it("follows a log only while it is open", async () => {
	await shown("machine-running");
	const opened = vi.spyOn(host, "machineLogOpen");
	const closed = vi.spyOn(host, "machineLogClose");
	const details = screen.getByTestId<HTMLDetailsElement>("machine-log");
	expect(opened).not.toHaveBeenCalled();
	details.open = true;
	details.dispatchEvent(new Event("toggle"));
	await waitFor(() =>
		expect(screen.getByTestId("machine-log-text").textContent).toContain("host: it has begun"),
	);
	details.open = false;
	details.dispatchEvent(new Event("toggle"));
	await waitFor(() => expect(closed).toHaveBeenCalled());
});

it("keeps open what was unfolded, through a stop and a start", async () => {
	await shown("machine-running");
	const { accelerator } = machineView("machine-unused");
	const become = (scene: Scene) => {
		fixture.emit("machineChanged", { ...machineView(scene), accelerator });
		flushSync();
	};
	become("machine-running");
	const parts = () => [
		screen.getByTestId<HTMLDetailsElement>("machine-boot"),
		screen.getByTestId<HTMLDetailsElement>("machine-log"),
		screen.getByTestId("machine-slow").querySelector("details") as HTMLDetailsElement,
	];
	const unfolded = () => parts().map(({ open }) => open);
	expect(unfolded()).toEqual([false, false, false]);
	for (const part of parts()) {
		part.open = true;
		part.dispatchEvent(new Event("toggle"));
	}
	for (const scene of ["stopping", "stopped", "starting", "running"] as const) become(`machine-${scene}`);
	expect(unfolded()).toEqual([true, true, true]);
});

it("calls an engine by one name everywhere, and says that it comes from DOCKER_HOST", async () => {
	await shown("normal");
	const state = engineState("normal");
	if (state.type !== "connected") throw new Error("the fixture has an engine");
	const [first, ...others] = await host.engineList();
	if (!first?.engine) throw new Error("the fixture has an engine");
	const view = { ...state.engine, endpoint: "DOCKER_HOST" };
	vi.spyOn(host, "engineList").mockResolvedValue([
		{ ...first, name: "DOCKER_HOST", source: "DOCKER_HOST", engine: view },
		...others,
	]);
	fixture.emit("engineStateChanged", { type: "connected", engine: view });
	render(EngineCard);
	void engine.probe();
	const card = screen.getByTestId("engine-current");
	await waitFor(() => expect(card.textContent).toContain("from DOCKER_HOST"));
	expect(card.getAttribute("aria-label")).toBe("Docker");
	expect(screen.getByTestId("nav-engine").textContent).toContain("Docker");
	expect(screen.getByTestId("nav-engine").textContent).not.toContain("DOCKER_HOST");
});
