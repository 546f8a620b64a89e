import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import { host } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { operations } from "../../state/operations.svelte";
import { toasts } from "../../state/toasts.svelte";
import { can, isStarting } from "./actions.svelte";
import ContainersScreen from "./ContainersScreen.svelte";
import { containers } from "./containers.svelte";
import { listView } from "./list_view.svelte";
import { machineStop } from "./machine_stop.svelte";
import { container } from "./samples";
import { usage } from "./usage.svelte";

const stopped = (name: string, since: string) =>
	container({
		name,
		since,
		state: "exited",
		exit_code: 0,
		ending: "stopped",
		reason: "stopped with the machine",
	});
const text = (id: string) => screen.getByTestId(id).textContent ?? "";

describe("Containers of the machine", () => {
	// Only once: the revision of the list goes on.
	beforeAll(() => fixture.setUp("machine-running"));
	beforeEach(async () => {
		vi.restoreAllMocks();
		navigation.go("containers");
		listView.filterText = "";
		await engine.start();
		await machine.start();
		fixture.emit("machineChanged", machineView("machine-running"));
		fixture.emit("engineStateChanged", engineState("machine-running"));
		await containers.start();
		await containers.load();
		flushSync();
	});
	const shown = async () => {
		render(ContainersScreen);
		await screen.findByTestId("containers-table");
		listView.filterText = "name:web";
		await screen.findByTestId("row-open-web");
	};

	it("are shown as last known while it stops, with nothing to press", async () => {
		await shown();
		const opened = vi.spyOn(host, "openUrl").mockResolvedValue(null);
		const did = vi.spyOn(host, "containerAct");
		expect(text("container-row-web")).toContain("up ");
		expect(screen.queryByTestId("port-url-80")).not.toBeNull();
		for (const change of [
			() => fixture.emit("machineChanged", machineView("machine-stopping")),
			() => {
				fixture.emit("machineChanged", machineView("machine-running"));
				const state = engineState("machine-running");
				const error = { kind: "no_engine", message: "gone", hint: null, detail: null } as const;
				if (state.type === "connected")
					fixture.emit("engineStateChanged", { type: "reconnecting", engine: state.engine, error });
			},
		]) {
			change();
			flushSync();
			expect(machine.stale).toBe(true);
			const row = text("container-row-web");
			expect(row).toContain("was running");
			expect(row).not.toContain("up ");
			expect(text("chip-running")).toContain("Was running");
			expect(screen.queryByTestId("port-url-80")).toBeNull();
			expect(screen.getByTestId("container-row-web").querySelector(".dot .off")).not.toBeNull();
			for (const id of ["row-open-web", "row-stop-web"]) {
				expect(screen.getByTestId(id).getAttribute("aria-disabled"), id).toBe("true");
				screen.getByTestId(id).click();
			}
		}
		expect(opened).not.toHaveBeenCalled();
		expect(did).not.toHaveBeenCalled();
		expect(can(container(), "stop")).toBe(false);
	});

	it("are not said to be removed when it stops", async () => {
		await shown();
		const told = vi.spyOn(toasts, "show");
		navigation.go("containers", { id: containers.all[0]!.id });
		flushSync();
		fixture.emit("machineChanged", machineView("machine-stopped"));
		fixture.emit("engineStateChanged", engineState("machine-stopped"));
		flushSync();
		await waitFor(() => expect(navigation.place.id).toBe(null));
		navigation.go("containers", { id: "f".repeat(64) });
		flushSync();
		await waitFor(() => expect(navigation.place.id).toBe(null));
		expect(told).not.toHaveBeenCalled();
		expect(text("containers-no-engine")).toContain("The machine is stopped");
		expect(document.querySelector(".screen-bar.crowded")).toBeNull();
	});

	it("are said to come once the machine has started", async () => {
		render(ContainersScreen);
		fixture.emit("machineChanged", machineView("machine-starting"));
		fixture.emit("engineStateChanged", engineState("machine-starting"));
		flushSync();
		expect(text("containers-no-engine")).toContain("The machine is starting");
		expect(text("containers-no-engine")).not.toContain("No engine is responding");
	});

	it("can be started again after it was stopped, all at once, and that is offered once", async () => {
		await shown();
		const did = vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const two = [stopped("one", "2026-01-01T00:00:00Z"), stopped("two", "2026-01-01T00:00:00Z")];
		fixture.change({ upserted: two });
		await waitFor(() => expect(text("machine-stop-note")).toContain("2 containers stopped with the machine"));
		screen.getByTestId("machine-stop-dismiss").click();
		flushSync();
		expect(screen.queryByTestId("machine-stop-note")).toBeNull();
		// The next stop is another one.
		fixture.change({ upserted: two.map((it) => ({ ...it, since: "2026-01-02T00:00:00Z" })) });
		await waitFor(() => screen.getByTestId("machine-stop-note"));
		screen.getByTestId("machine-stop-start").click();
		flushSync();
		expect(did).toHaveBeenCalledWith(
			two.map(({ id }) => id),
			"start",
		);
		expect(screen.queryByTestId("machine-stop-note")).toBeNull();
		expect(machineStop.offered).toBe(false);
		containers.pending = new Map();
	});

	it("are starting while a run has made them", async () => {
		await shown();
		const made = container({ name: "web-2", image: "nginx:1", state: "created", status: "Created" });
		fixture.change({ upserted: [made] });
		listView.filterText = "name:web-2";
		await waitFor(() => expect(text("container-row-web-2")).toContain("never started"));
		expect(screen.queryByTestId("row-start-web-2")).not.toBeNull();
		const run = operations.begin("run", { title: "Run web-2" });
		flushSync();
		expect(text("container-row-web-2")).toContain("starting…");
		expect(screen.queryByTestId("row-start-web-2")).toBeNull();
		operations.end(run, "done");
		expect(isStarting(made)).toBe(false);
		fixture.change({ removed: [made.id] });
	});

	it("have a dash until their use of the CPU is known", async () => {
		await shown();
		const id = containers.all.find(({ name }) => name === "web")!.id;
		const sample = { id, cpu_percent: null, memory_bytes: 736_000, memory_limit: null };
		usage.latest = new Map([[id, sample as never]]);
		flushSync();
		expect(screen.getByTestId("container-row-web").querySelector(".c-cpu")?.textContent).toBe("–");
	});
});
