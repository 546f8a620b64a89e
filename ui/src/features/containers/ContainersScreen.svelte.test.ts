import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { host } from "../../host/host";
import { navigation } from "../../state/navigation.svelte";
import { intents } from "./actions.svelte";
import ContainersScreen from "./ContainersScreen.svelte";
import { containers } from "./containers.svelte";
import { listView } from "./list_view.svelte";

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
		listView.filterText = "";
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
			// A hidden row cannot have the focus; happy-dom gives it to it all the same.
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
		// What had the keyboard goes away: into a group that closes, through a filter, with its container.
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

	it("says on the row what is under way", async () => {
		const grid = await shown();
		vi.spyOn(host, "containerAct").mockImplementation(() => new Promise(() => {}));
		const web = containers.all.find(({ name }) => name === "cache")!;
		listView.cursor = web.id;
		flushSync();
		press(grid, "s");
		expect(containers.pending.get(web.id)?.action).toBe("stop");
		expect(screen.getByTestId("container-row-cache").textContent).toContain("stopping…");
	});

	it("offers a way out of a filter that nothing passes", async () => {
		await shown();
		listView.filterText = "name:nothing-like-it";
		flushSync();
		expect(screen.getByTestId("containers-no-match").textContent).toContain("name:nothing-like-it");
	});

	it("closes a detail whose container went away", async () => {
		await shown();
		navigation.go("containers", { id: "f".repeat(64) });
		await waitFor(() => expect(navigation.place.id).toBe(null));
	});
});
