import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import { HostError, host } from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import ImagesScreen from "./ImagesScreen.svelte";
import { images } from "./images.svelte";

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

const connectedToMachine = async () => {
	fixture.setUp("machine-running");
	fixture.emit("machineChanged", machineView("machine-running"));
	fixture.emit("engineStateChanged", engineState("machine-running"));
	navigation.go("images");
	flushSync();
	render(ImagesScreen);
	await screen.findByTestId("image-count");
};

it("shows no images of a machine that was stopped, is starting, or was deleted, and lists them again", async () => {
	await connectedToMachine();
	fixture.setUp("machine-stopped");
	for (const [scene, title] of [
		["machine-stopped", "The machine is stopped"],
		["machine-starting", "The machine is starting"],
		["no-engine", "No engine is responding"],
	] as const) {
		fixture.emit("machineChanged", machineView(scene));
		fixture.emit("engineStateChanged", engineState(scene));
		flushSync();
		expect(screen.getByTestId("images-no-engine").textContent).toContain(title);
		for (const gone of ["image-count", "images-remove-unused", "image-run", "image-row"])
			expect(screen.queryByTestId(gone), gone).toBeNull();
		expect(images.all).toEqual([]);
		expect(counts.images).toBe(null);
	}
	fixture.setUp("machine-running");
	fixture.emit("machineChanged", machineView("machine-running"));
	fixture.emit("engineStateChanged", engineState("machine-running"));
	await screen.findByTestId("image-count");
});

it("closes what asks about images when their engine goes", async () => {
	await connectedToMachine();
	screen.getByTestId("images-remove-unused").click();
	await screen.findByTestId("remove-unused");
	navigation.go("images", { id: images.all[0]!.id });
	fixture.emit("engineStateChanged", engineState("no-engine"));
	flushSync();
	await waitFor(() => expect(screen.queryByTestId("remove-unused")).toBeNull());
	expect(navigation.place).toMatchObject({ screen: "images", id: null });
});

it("keeps the list while the machine stops, without anything to press", async () => {
	await connectedToMachine();
	expect(document.querySelector(".users a")).not.toBeNull();
	fixture.emit("machineChanged", machineView("machine-stopping"));
	flushSync();
	expect(screen.getByTestId("image-count")).toBeTruthy();
	expect(document.querySelector(".users a")).toBeNull();
	for (const id of ["images-remove-unused", "image-run"])
		expect((screen.getAllByTestId(id)[0] as HTMLButtonElement).disabled, id).toBe(true);
});

it("gives the focus back to the row when the details close, whatever opened and closed them", async () => {
	await connectedToMachine();
	const { key } = images.items[2]!;
	images.cursor = key;
	flushSync();
	const row = document.querySelector<HTMLElement>(`[data-id="${CSS.escape(key)}"]`)!;
	const opens = [
		() => fireEvent.keyDown(row, { key: "Enter" }),
		() => fireEvent.click(row),
		async () => {
			await fireEvent.contextMenu(row);
			const item = await screen.findByTestId("menu-details");
			item.focus();
			await fireEvent.keyDown(item, { key: "Enter" });
		},
	];
	const closes = [
		(sheet: HTMLElement) => fireEvent.keyDown(sheet, { key: "Escape" }),
		() => fireEvent.click(screen.getByTestId("sheet-close")),
		() => history.back(),
	];
	for (const open of opens)
		for (const close of closes) {
			row.focus();
			await open();
			const sheet = await screen.findByTestId("image-sheet");
			screen.getByTestId("sheet-close").focus();
			await close(sheet);
			await waitFor(() => expect(screen.queryByTestId("image-sheet")).toBeNull());
			await waitFor(() => expect((document.activeElement as HTMLElement).dataset.id).toBe(key));
		}
});

it("goes to the list with an arrow key while nothing has the focus", async () => {
	await connectedToMachine();
	images.cursor = images.items[2]!.key;
	flushSync();
	(document.activeElement as HTMLElement | null)?.blur();
	await fireEvent.keyDown(document.body, { key: "ArrowDown" });
	await waitFor(() => expect((document.activeElement as HTMLElement).dataset.id).toBe(images.items[2]!.key));
});

it("moves no row when rows are ticked, or a removal fails", async () => {
	await connectedToMachine();
	const grid = screen.getByTestId("images-table");
	/** What stands above the rows; the header has one height. */
	const above = () => {
		const found: string[] = [];
		for (let at: Element = grid; at !== document.body; at = at.parentElement!)
			for (let one = at.previousElementSibling; one; one = one.previousElementSibling)
				found.push(one.matches("header") ? "header" : one.outerHTML);
		return found;
	};
	const before = above();
	images.toggle(images.items[2]!.key);
	images.failures = [
		{ name: "nginx:1.27", error: { kind: "other", message: "in use", hint: null, detail: null } },
	];
	flushSync();
	expect(screen.getByTestId("image-selection").closest("header")).not.toBeNull();
	expect(screen.getByTestId("image-failures")).toBeTruthy();
	expect(above()).toEqual(before);
	images.clearSelection();
	images.failures = [];
});

const fail = async (reference: string, kind: "network" | "invalid_input" = "network") => {
	const error = { kind, message: `${reference} failed`, hint: null, detail: null };
	vi.spyOn(host, "imagePull").mockRejectedValueOnce(new HostError(error));
	await images.pull(reference);
	flushSync();
};

it("tries a failed pull again only while an engine is connected", async () => {
	await connectedToMachine();
	images.pulls = [];
	await fail("busybox");
	const retry = screen.getByTestId<HTMLButtonElement>("image-pull-retry");
	expect(retry.disabled).toBe(false);
	fixture.emit("machineChanged", machineView("machine-stopped"));
	fixture.emit("engineStateChanged", engineState("machine-stopped"));
	flushSync();
	expect(retry.disabled).toBe(true);
});

it("offers no retry of a pull whose name is invalid", async () => {
	await connectedToMachine();
	images.pulls = [];
	await fail("docker run nginx", "invalid_input");
	expect(screen.getByTestId("image-pull-error").textContent).toContain("docker run nginx failed");
	expect(screen.queryByTestId("image-pull-retry")).toBeNull();
});

it("shows the newest failed pull in full and folds the earlier ones", async () => {
	await connectedToMachine();
	images.pulls = [];
	await fail("first");
	expect(screen.queryByTestId("image-pulls-earlier")).toBeNull();
	await fail("second");
	await fail("third");
	const earlier = screen.getByTestId<HTMLDetailsElement>("image-pulls-earlier");
	expect(earlier.open).toBe(false);
	expect(earlier.querySelector("summary")?.textContent).toBe("2 more failed pulls");
	const unfolded = screen.getAllByTestId("image-pull-error").filter((note) => !earlier.contains(note));
	expect(unfolded.map((note) => note.textContent)).toEqual([expect.stringContaining("third failed")]);
	images.pulls = [];
});
