import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { flushSync, tick } from "svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { port } from "../../host/fixture/containers";
import { fixture } from "../../host/fixture/index";
import { host } from "../../host/host";
import { containerTabs } from "../../state/container_tabs.svelte";
import { navigation } from "../../state/navigation.svelte";
import { zoom } from "../../state/zoom.svelte";
import { intents, open } from "./actions.svelte";
// Loaded when the first details open, which takes longer than a test waits.
import "./ContainerDetail.svelte";
import "../logs/LogTab.svelte";
import ContainersScreen from "./ContainersScreen.svelte";
import { containers } from "./containers.svelte";
import GroupHeading from "./GroupHeading.svelte";
import type { Heading } from "./list";
import { listView } from "./list_view.svelte";
import { rowMenu } from "./row_menu.svelte";
import { hasProblem } from "./status";

async function shown() {
	render(ContainersScreen);
	return screen.findByTestId("containers-table");
}
const press = (on: Element, key: string, more: KeyboardEventInit = {}) => {
	on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
	flushSync();
};

describe("ContainersScreen", () => {
	beforeEach(() => {
		vi.restoreAllMocks();
		listView.filterText = "";
		listView.choose("all");
		listView.clearSelection();
		listView.cursor = null;
		intents.removing = [];
		navigation.go("containers");
	});

	it("tells assistive technology how long the list is", async () => {
		const grid = await shown();
		expect(grid.getAttribute("role")).toBe("grid");
		expect(Number(grid.getAttribute("aria-rowcount"))).toBe(listView.items.length + 1);
		const rows = [...grid.querySelectorAll("[role=row]")];
		expect(rows[0]?.getAttribute("aria-rowindex")).toBe("1");
		expect(rows[1]?.getAttribute("aria-rowindex")).toBe("2");
		expect(grid.querySelectorAll("[role=row][tabindex='0']")).toHaveLength(1);
	});

	it("is worked with the keyboard", async () => {
		const grid = await shown();
		press(grid, "ArrowDown");
		press(grid, " ");
		press(grid, "ArrowDown", { shiftKey: true });
		expect(listView.selected).toHaveLength(2);
		expect(screen.getByTestId("selection-bar").textContent).toContain("2 containers selected");
		press(grid, "Delete");
		expect(intents.removing).toHaveLength(2);
		intents.removing = [];
		press(grid, "Escape");
		expect(listView.selected).toHaveLength(0);
		press(grid, "Enter");
		expect(navigation.place.id).toBe(listView.cursor);
		await waitFor(() => expect(screen.getByTestId("container-detail")).toBeTruthy());
	});

	it("has one line that Tab stops at, wherever the list was left", async () => {
		const grid = await shown();
		const stop = () => {
			flushSync();
			const stops = [...grid.querySelectorAll<HTMLElement>("[role=row][tabindex='0']")];
			expect(stops).toHaveLength(1);
			return stops[0]!;
		};
		const here = (row: HTMLElement) => {
			row.focus();
			expect(document.activeElement).toBe(row);
			// A hidden row cannot be focused in a browser; happy-dom allows it.
			for (let at: HTMLElement | null = row; at && at !== grid; at = at.parentElement)
				expect(at.style.visibility).not.toBe("hidden");
		};
		const key = (row: HTMLElement) => row.dataset.id;
		here(stop());
		press(grid, "End");
		await waitFor(() => expect(document.activeElement).toBe(stop()));
		here(stop());
		expect(key(stop())).toBe(listView.items.at(-1)?.key);
		const heading = listView.items.find(({ kind }) => kind === "heading")!;
		listView.cursor = heading.key;
		here(stop());
		expect(key(stop())).toBe(heading.key);
		// The focused row disappears: into a collapsed group, through a filter, with its container.
		const grouped = listView.items.find((item) => item.kind === "row" && item.group === heading.key)!;
		listView.cursor = grouped.key;
		flushSync();
		listView.toggleGroup(heading.key, true);
		here(stop());
		listView.toggleGroup(heading.key, false);
		listView.filterText = listView.sorted[0]!.name;
		here(stop());
		listView.filterText = "";
		listView.cursor = "gone";
		here(stop());
	});

	it("keeps the focus on its row after a zoom", async () => {
		const grid = await shown();
		press(grid, "ArrowDown");
		await waitFor(() => expect(document.activeElement?.getAttribute("role")).toBe("row"));
		const row = document.activeElement as HTMLElement;
		row.blur();
		await zoom.set(zoom.level === 200 ? 100 : 200);
		window.dispatchEvent(new Event("resize"));
		await waitFor(() => expect(document.activeElement).toBe(row));
		await zoom.set(100);
	});

	it("takes the arrow keys after a click on its link in the navigation", async () => {
		await shown();
		const nav = document.createElement("nav");
		nav.innerHTML = '<a href="#/containers" aria-current="page">Containers</a>';
		document.body.append(nav);
		const link = nav.querySelector("a")!;
		link.focus();
		press(link, "s");
		expect(document.activeElement).toBe(link);
		press(link, "ArrowDown");
		await waitFor(() => expect(document.activeElement?.getAttribute("role")).toBe("row"));
		nav.remove();
	});

	it("breaks no line within the time of a status", async () => {
		await shown();
		const failed = containers.all.find(
			({ state, ending }) => state === "exited" && ending !== "not_started",
		)!;
		listView.cursor = failed.id;
		const row = await screen.findByTestId(`container-row-${failed.name}`);
		expect(row.querySelector(".c-status .time")?.textContent).toMatch(/^\d+ \S+ ago$|^just now$/);
	});

	it.each([
		[280, "Filter by name, image, port…"],
		[160, "Filter"],
	])("has a placeholder that a field of %d pixels has room for", async (width, text) => {
		vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(width);
		await shown();
		expect(screen.getByTestId<HTMLInputElement>("container-filter").placeholder).toBe(text);
		vi.restoreAllMocks();
	});

	it("completes the word in the filter with Tab, which leaves an empty filter", async () => {
		await shown();
		const field = screen.getByTestId<HTMLInputElement>("container-filter");
		field.focus();
		expect(await fireEvent.keyDown(field, { key: "Tab" })).toBe(true);
		field.value = "sta";
		field.setSelectionRange(3, 3);
		await fireEvent.input(field);
		expect(await fireEvent.keyDown(field, { key: "Tab" })).toBe(false);
		await waitFor(() => expect(field.value).toBe("state:"));
	});

	it("says the reason of a failed start once beside its details", async () => {
		await shown();
		const one = containers.all.find(({ state }) => state === "exited")!;
		const unstarted = {
			...one,
			state: "exited",
			ending: "not_started",
			reason: "port 80 is in use",
		} as const;
		fixture.change({ upserted: [unstarted] });
		await waitFor(() => expect(containers.get(one.id)?.reason).toBe(unstarted.reason));
		const error = { kind: "port_taken", message: "port 80 is in use", hint: null, detail: null } as const;
		containers.failures = {
			action: "start",
			total: 1,
			outcomes: [{ id: one.id, name: one.name, changed: false, error }],
		};
		flushSync();
		expect(screen.getByTestId("action-failures")).toBeTruthy();
		open(one.id, null);
		await waitFor(() =>
			expect(screen.getByTestId("container-status").textContent).toContain("could not be started"),
		);
		expect(screen.getByTestId("container-status").textContent).not.toContain("port 80");
		expect(screen.queryByTestId("action-failures")).toBeNull();
		containers.failures = null;
		fixture.change({ upserted: [one] });
		await waitFor(() => expect(containers.get(one.id)?.reason).toBe(one.reason));
	});

	it("says on the row what is under way", async () => {
		const grid = await shown();
		vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const web = containers.all.find(({ name }) => name === "cache")!;
		listView.cursor = web.id;
		flushSync();
		press(grid, "s");
		flushSync();
		expect(containers.pending.get(web.id)?.action).toBe("stop");
		expect(screen.getByTestId("container-row-cache").textContent).toContain("stopping…");
	});

	it("says at most what a filter lets through, and narrows by state", async () => {
		await shown();
		const names = () => listView.sorted.map(({ name }) => name);
		const stopped = containers.all.length - containers.running;
		expect(screen.getByTestId("chip-stopped").textContent).toBe(`Stopped${stopped}`);
		screen.getByTestId("chip-stopped").click();
		flushSync();
		expect(names()).toHaveLength(stopped);
		listView.filterText = "name:etl";
		flushSync();
		expect(screen.getByTestId("container-matches").textContent).toContain(`1 of ${containers.all.length}`);
		listView.filterText = "name:cache";
		flushSync();
		expect(screen.getByTestId("containers-no-match").textContent).toContain("1 running container matches");
		screen.getByTestId("show-all").click();
		flushSync();
		expect(names()).toEqual(["cache"]);
	});

	it("completes a filter, and says where a key is not one", async () => {
		await shown();
		const field = screen.getByTestId<HTMLInputElement>("container-filter");
		const type = (text: string) => {
			field.focus();
			field.value = text;
			field.setSelectionRange(text.length, text.length);
			field.dispatchEvent(new Event("input", { bubbles: true }));
			flushSync();
		};
		type("sta");
		press(field, "ArrowDown");
		expect(field.getAttribute("aria-activedescendant")).toBe(screen.getAllByTestId("filter-offer")[0]?.id);
		press(field, "Enter");
		await waitFor(() => expect(listView.filterText).toBe("state:"));
		type("status:running");
		expect(screen.getByTestId("filter-problem").textContent).toContain("There is no filter “status:”");
		press(field, "Escape");
		expect(listView.filterText).toBe("status:running");
		press(field, "Escape");
		expect(listView.filterText).toBe("");
	});

	it("goes to the filter with the slash from a row's check box", async () => {
		await shown();
		const box = screen.getByTestId("container-tick-cache");
		box.focus();
		press(box, "/");
		expect(document.activeElement).toBe(screen.getByTestId("container-filter"));
	});

	it("gives the focus back when the name has been edited beside the list", async () => {
		await shown();
		const { id } = containers.all.find(({ name }) => name === "cache")!;
		navigation.go("containers", { id });
		const tab = await screen.findByTestId("tab-overview");
		const row = screen.getByTestId("container-row-cache");
		for (const at of [row, tab]) {
			at.focus();
			press(at, "F2");
			press(screen.getByTestId("rename-input"), "Escape");
			await waitFor(() => expect(document.activeElement).toBe(at));
		}
		// The button is not there while the name is edited.
		screen.getByTestId("container-rename").focus();
		screen.getByTestId("container-rename").click();
		flushSync();
		press(screen.getByTestId("rename-input"), "Escape");
		await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("container-rename")));
	});

	it("leads from the filter to the first row, unless a suggestion is meant", async () => {
		await shown();
		listView.cursor = listView.items.at(-1)!.key;
		flushSync();
		const field = screen.getByTestId<HTMLInputElement>("container-filter");
		field.focus();
		press(field, "ArrowDown");
		await waitFor(() =>
			expect((document.activeElement as HTMLElement).dataset.id).toBe(listView.items[0]!.key),
		);
	});

	it("takes the keys of the list from a chip and from an empty filter", async () => {
		await shown();
		const focusIs = (key: string | null | undefined) =>
			waitFor(() => expect((document.activeElement as HTMLElement).dataset.id).toBe(key));
		const did = vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const chip = screen.getByTestId("chip-running");
		chip.focus();
		chip.click();
		flushSync();
		press(chip, "s");
		expect(did).not.toHaveBeenCalled();
		await focusIs(listView.cursor);
		chip.focus();
		press(chip, "ArrowDown");
		await focusIs(listView.items[0]?.key);
		const field = screen.getByTestId<HTMLInputElement>("container-filter");
		field.focus();
		flushSync();
		press(field, "Escape");
		await focusIs(listView.cursor);
		chip.focus();
		press(chip, "l");
		expect(navigation.place).toMatchObject({ id: listView.cursor, tab: "logs" });
	});

	it("searches a shown log with the slash, also from the list", async () => {
		const grid = await shown();
		containerTabs.offer({
			value: "logs",
			label: "Logs",
			order: 1,
			load: () => import("../logs/LogTab.svelte"),
		});
		navigation.go("containers", { id: containers.all.find(({ name }) => name === "cache")!.id, tab: "logs" });
		const search = await screen.findByTestId("log-search");
		for (const from of [grid, screen.getByTestId("chip-all"), document.body]) {
			from.focus();
			press(from, "/");
			expect(document.activeElement).toBe(search);
			search.blur();
		}
	});

	it("does in the details what the keys do, wherever the focus is", async () => {
		await shown();
		containers.pending = new Map();
		const did = vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		containerTabs.offer({ value: "logs", label: "Logs", order: 1, load: () => new Promise(() => {}) });
		const cache = containers.all.find(({ name }) => name === "cache")!;
		const details = async (tab: string | null = null) => {
			navigation.go("containers", { id: cache.id, tab });
			flushSync();
			return screen.findByTestId("tab-overview");
		};
		const tab = await details();
		tab.focus();
		press(tab, "l");
		expect(navigation.place).toMatchObject({ id: cache.id, tab: "logs" });
		const stop = screen.getByTestId("container-stop");
		for (const from of [stop, document.body]) {
			from.focus();
			press(from, "/");
			await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("container-filter")));
		}
		press(tab, "F2");
		expect(intents.renaming).toBe(cache.id);
		intents.renaming = null;
		flushSync();
		press(stop, "Delete");
		expect(intents.removing).toEqual([cache]);
		intents.removing = [];
		flushSync();
		await waitFor(() => expect(document.querySelector("[role=alertdialog]")).toBeNull());
		press(stop, "F10", { shiftKey: true });
		await waitFor(() => expect(screen.getByTestId("menu-kill")).toBeTruthy());
		press(screen.getByTestId("menu-kill"), "s");
		expect(did).not.toHaveBeenCalled();
		press(screen.getByTestId("menu-kill"), "Escape");
		await waitFor(() => expect(document.querySelector("[role=menu]")).toBeNull());
		expect(navigation.place.id).toBe(cache.id);
		press(document.body, "s");
		expect(did).toHaveBeenLastCalledWith([cache.id], "stop");
		containers.pending = new Map();
		flushSync();
		press(stop, "Escape");
		expect(navigation.place.id).toBe(null);
	});

	it("leaves a text field of the details before Escape closes them", async () => {
		await shown();
		const web = containers.all.find(({ name }) => name === "web")!;
		navigation.go("containers", { id: web.id });
		flushSync();
		const tab = await screen.findByTestId("tab-overview");
		const field = document.createElement("input");
		screen.getByTestId("container-detail").append(field);
		field.focus();
		press(field, "s");
		press(field, "Escape");
		expect(document.activeElement).toBe(document.body);
		expect(navigation.place.id).toBe(web.id);
		tab.focus();
		press(tab, "Escape");
		expect(navigation.place.id).toBe(null);
	});

	it("does not offer to open what is about to stop", async () => {
		await shown();
		vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const opened = vi.spyOn(host, "openUrl").mockResolvedValue(null);
		containers.pending = new Map();
		const web = containers.all.find(({ name }) => name === "web")!;
		navigation.go("containers", { id: web.id });
		listView.filterText = "name:web";
		flushSync();
		const button = () => screen.getByTestId<HTMLButtonElement>("container-open");
		await screen.findByTestId("tab-overview");
		expect(button().disabled).toBe(false);
		screen.getByTestId("container-stop").click();
		flushSync();
		expect(button().disabled).toBe(true);
		expect(screen.queryByRole("link", { name: "http://127.0.0.1:8080" })).toBeNull();
		screen.getByTestId("row-open-web").click();
		expect(opened).not.toHaveBeenCalled();
		containers.pending = new Map();
	});

	it("keeps the tab when another container is chosen", async () => {
		await shown();
		const [first, second] = listView.sorted;
		navigation.go("containers", { id: first!.id, tab: "logs" });
		flushSync();
		open(second!.id);
		expect(navigation.place).toMatchObject({ id: second!.id, tab: "logs" });
		open(second!.id, null);
		expect(navigation.place.tab).toBe(null);
	});

	it("moves no row when rows are ticked, or an action fails", async () => {
		const grid = await shown();
		/** What stands above the rows, with the height that it takes. */
		const above = () => {
			const found: string[] = [];
			for (let at: Element = grid; at !== document.body; at = at.parentElement!)
				for (let one = at.previousElementSibling; one; one = one.previousElementSibling)
					found.push(one.matches("header") ? "header" : one.outerHTML);
			return found;
		};
		const before = above();
		const cache = containers.all.find(({ name }) => name === "cache")!;
		listView.toggle(cache.id);
		flushSync();
		expect(screen.getByTestId("selection-bar").closest("header")).not.toBeNull();
		expect(above()).toEqual(before);
		const error = { kind: "other", message: "no such device", hint: null, detail: null } as const;
		vi.spyOn(host, "containerAct").mockResolvedValue([
			{ id: cache.id, name: "cache", changed: false, error },
		]);
		screen.getByTestId("selection-stop").click();
		await screen.findByTestId("action-failures");
		expect(above()).toEqual(before);
		// The filter stays, and the chips return.
		expect(screen.getByTestId("container-filter")).toBeTruthy();
		screen.getByTestId("selection-clear").click();
		flushSync();
		expect(screen.queryByTestId("selection-bar")).toBeNull();
		expect(screen.getByTestId("chip-all")).toBeTruthy();
		containers.failures = null;
	});

	it("ticks all, and shows it", async () => {
		await shown();
		const box = () => screen.getByTestId<HTMLInputElement>("select-all");
		const click = async (on: HTMLElement) => {
			on.click();
			await tick();
		};
		const state = () => [box().checked, box().indeterminate];
		await click(screen.getByTestId("container-tick-cache"));
		expect(state()).toEqual([false, true]);
		await click(box());
		expect(listView.tickState).toBe("all");
		expect(state()).toEqual([true, false]);
		await click(box());
		expect(state()).toEqual([false, false]);
		expect(screen.queryByTestId("selection-bar")).toBeNull();
	});

	it("starts, stops and opens from a row, and a stack from its heading", async () => {
		await shown();
		const did = vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const opened = vi.spyOn(host, "openUrl").mockResolvedValue(null);
		const id = (name: string) => containers.all.find((container) => container.name === name)!.id;
		const only = (filter: string) => {
			listView.filterText = filter;
			flushSync();
		};
		containers.pending = new Map();
		only("name:web");
		screen.getByTestId("row-open-web").click();
		expect(opened).toHaveBeenCalledWith("http://127.0.0.1:8080");
		screen.getByTestId("row-stop-web").click();
		expect(did).toHaveBeenLastCalledWith([id("web")], "stop");
		flushSync();
		screen.getByTestId("row-stop-web").click();
		expect(did).toHaveBeenCalledTimes(1);
		only("name:old-blog");
		screen.getByTestId("row-start-old-blog").click();
		expect(did).toHaveBeenLastCalledWith([id("old-blog")], "start");
		only("stack:shop");
		const shop = screen.getByTestId("group-shop");
		const openShop = () => shop.querySelector<HTMLElement>("[data-testid=group-open]")!;
		openShop().click();
		expect(opened).toHaveBeenLastCalledWith("http://127.0.0.1:5173");
		shop.querySelector<HTMLElement>("[data-testid=group-stop]")!.click();
		expect(new Set(did.mock.lastCall?.[0])).toEqual(
			new Set(["shop-db-1", "shop-api-1", "shop-ui-1"].map(id)),
		);
		expect(navigation.place.id).toBe(null);
		containers.pending = new Map();
	});

	it("asks which page of a stack to open if there are several", async () => {
		await shown();
		const opened = vi.spyOn(host, "openUrl").mockResolvedValue(null);
		const heading = listView.items.find((item) => item.key === "stack:shop") as Heading;
		const get = containers.get.bind(containers);
		vi.spyOn(containers, "get").mockImplementation((id) => {
			const member = get(id);
			return member?.name === "shop-api-1" ? { ...member, ports: [port(8000, 8000)] } : member;
		});
		rowMenu.load();
		const props = { heading, rowIndex: 1, colspan: 1, compact: false, icons: false, cursor: true };
		const shop = within(render(GroupHeading, { ...props, ontoggle: () => {} }).container);
		await fireEvent.keyDown(await shop.findByText("Open…"), { key: "Enter" });
		const item = await screen.findByRole("menuitem", { name: /shop-api-1/ });
		await fireEvent.keyDown(item, { key: "Enter" });
		await waitFor(() => expect(opened).toHaveBeenLastCalledWith("http://127.0.0.1:8000"));
	});

	it("shows trouble on a closed stack", async () => {
		listView.toggleGroup("stack:shop", true);
		const heading = listView.items.find((item) => item.key === "stack:shop") as Heading;
		expect(heading.collapsed).toBe(true);
		listView.toggleGroup("stack:shop", false);
		render(GroupHeading, {
			heading,
			rowIndex: 1,
			colspan: 8,
			compact: false,
			icons: false,
			cursor: false,
			ontoggle: () => {},
		});
		expect(screen.getByTestId("group-trouble").textContent).toBe("1 unhealthy");
	});

	it("shows why a name is not possible above the rows, not among them", async () => {
		const grid = await shown();
		intents.renaming = containers.all.find(({ name }) => name === "cache")!.id;
		flushSync();
		const field = screen.getByTestId<HTMLInputElement>("rename-input");
		field.value = "web";
		field.dispatchEvent(new Event("input", { bubbles: true }));
		press(field, "Enter");
		const problem = await screen.findByTestId("rename-problem");
		expect(problem.textContent).toContain("web");
		expect(grid.contains(problem)).toBe(false);
		expect(field.getAttribute("aria-describedby")).toBe(problem.id);
		press(field, "Escape");
		await waitFor(() => expect(screen.queryByTestId("rename-problem")).toBeNull());
	});

	it("has a chip for problems only while there are any", async () => {
		await shown();
		const all = [...containers.all];
		expect(screen.getByTestId("chip-problems").textContent).toBe("Problems2");
		fixture.change({ removed: all.filter((container) => hasProblem(container)).map(({ id }) => id) });
		await waitFor(() => expect(screen.queryByTestId("chip-problems")).toBeNull());
		fixture.change({ upserted: all });
		await waitFor(() => expect(screen.getByTestId("chip-problems")).toBeTruthy());
	});

	it("shortens a crash loop beside the details, with all of it in the tooltip", async () => {
		await shown();
		const web = containers.all.find(({ name }) => name === "web")!;
		fixture.change({ upserted: [{ ...web, state: "restarting", exit_code: 1, restart_count: 7 }] });
		listView.filterText = "name:web";
		navigation.go("containers", { id: web.id });
		const row = () => screen.getByTestId("container-row-web").querySelector(".words");
		await waitFor(() => expect(row()?.textContent).toBe("keeps crashing"));
		expect(row()?.getAttribute("title")).toBe("keeps crashing · restarted 7 times · exit code 1");
		fixture.change({ upserted: [web] });
		await waitFor(() => expect(row()?.textContent).toBe("up 2 h"));
	});

	it("has no tooltip that repeats what can be read", async () => {
		// Wide enough for the labels of the actions on the selected rows.
		(window as unknown as { happyDOM: { setViewport(to: object): void } }).happyDOM.setViewport({
			width: 1440,
		});
		await shown();
		const web = containers.all.find(({ name }) => name === "web")!;
		navigation.go("containers", { id: web.id });
		listView.toggle(web.id);
		flushSync();
		await screen.findByTestId("tab-overview");
		const repeats = [...document.querySelectorAll<HTMLElement>("[title]")]
			.filter(({ title, textContent }) => textContent?.trim() === title)
			.map(({ title, className }) => `${className}: ${title}`);
		expect(repeats).toEqual([]);
	});

	it("offers a way out of a filter that nothing passes", async () => {
		await shown();
		listView.filterText = "name:nothing-like-it";
		flushSync();
		const none = screen.getByTestId("containers-no-match");
		expect(none.querySelector("h2, h3, p")?.textContent).toBe("No container matches");
		expect(none.textContent).toContain("name:nothing-like-it");
	});

	it("closes a detail whose container went away", async () => {
		await shown();
		navigation.go("containers", { id: "f".repeat(64) });
		await waitFor(() => expect(navigation.place.id).toBe(null));
	});
});
