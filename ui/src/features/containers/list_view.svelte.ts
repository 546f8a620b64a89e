import type { ContainerView, StatsView } from "../../host/host";
import { remember, remembered } from "../../state/remembered";
import { type Containers, containers } from "./containers.svelte";
import { isEmptyFilter, matchesFilter, parseFilter } from "./filter";
import { type ListItem, listItems, type Sort, type SortColumn, sortContainers } from "./list";

/** Columns where the biggest is what one looks for. */
const BIGGEST_FIRST: ReadonlySet<SortColumn> = new Set(["cpu", "memory"]);

/** How the list is looked at: filter, order, open groups, the row with the focus and the rows that are ticked. */
export class ContainerListView {
	filterText = $state("");
	sort: Sort = $state.raw(remembered<Sort>("containers.sort", { column: "name", descending: false }));
	collapsed: ReadonlySet<string> = $state.raw(new Set(remembered<string[]>("containers.collapsed", [])));
	/** Ids that are ticked. May hold some that are gone or filtered out; `selected` does not. */
	ticked: ReadonlySet<string> = $state.raw(new Set());
	/** Key of the line that has the keyboard: an id or the key of a heading. */
	cursor: string | null = $state(null);
	/** What was used when the order by CPU or memory was last made. */
	usage: ReadonlyMap<string, StatsView> = $state.raw(new Map());

	readonly #source: Containers;
	/** Where a range begins that Shift extends. */
	#anchor: string | null = null;

	filter = $derived(parseFilter(this.filterText));
	filtering = $derived(!isEmptyFilter(this.filter));
	matching: ContainerView[] = $derived.by(() => this.#match());
	sorted: ContainerView[] = $derived(sortContainers([...this.matching], this.sort, this.usage));
	items: ListItem[] = $derived(
		listItems(this.sorted, this.sort, this.filtering ? new Set() : this.collapsed),
	);
	/** Place of each line, by key. */
	places: ReadonlyMap<string, number> = $derived(new Map(this.items.map((item, index) => [item.key, index])));
	selected: ContainerView[] = $derived(
		this.ticked.size === 0 ? [] : this.sorted.filter((container) => this.ticked.has(container.id)),
	);

	constructor(source: Containers = containers) {
		this.#source = source;
	}

	#match(): ContainerView[] {
		const { all } = this.#source;
		return this.filtering ? all.filter((container) => matchesFilter(container, this.filter)) : all;
	}

	/** Sorts by a column; again, the other way round. */
	sortBy(column: SortColumn) {
		const descending = this.sort.column === column ? !this.sort.descending : BIGGEST_FIRST.has(column);
		this.sort = { column, descending };
		remember("containers.sort", this.sort);
	}

	/** Opens or closes a group. */
	toggleGroup(key: string, collapse = !this.collapsed.has(key)) {
		const next = new Set(this.collapsed);
		if (collapse) next.add(key);
		else next.delete(key);
		this.collapsed = next;
		remember("containers.collapsed", [...next]);
	}

	/** Ticks a container or takes its tick away; with `range`, everything between it and the one before. */
	toggle(id: string, range = false) {
		const next = new Set(this.ticked);
		const from = this.#anchor === null ? undefined : this.places.get(this.#anchor);
		const to = this.places.get(id);
		if (range && from !== undefined && to !== undefined) {
			for (const item of this.items.slice(Math.min(from, to), Math.max(from, to) + 1)) {
				if (item.kind === "row") next.add(item.key);
			}
		} else {
			if (!next.delete(id)) next.add(id);
			this.#anchor = id;
		}
		this.ticked = next;
	}

	/** Ticks all of these, or none when all are ticked. */
	toggleAll(ids: readonly string[] = this.sorted.map(({ id }) => id)) {
		const next = new Set(this.ticked);
		const all = ids.every((id) => next.has(id));
		for (const id of ids) {
			if (all) next.delete(id);
			else next.add(id);
		}
		this.ticked = next;
	}

	/** Ticks everything that the filter lets through. */
	selectAll() {
		this.ticked = new Set(this.sorted.map(({ id }) => id));
	}

	clearSelection() {
		this.ticked = new Set();
		this.#anchor = null;
	}

	/** Moves the cursor by lines, staying inside the list. Returns the place it is at now, or -1 in an empty list. */
	move(by: number): number {
		if (this.items.length === 0) return -1;
		const from = this.cursor === null ? undefined : this.places.get(this.cursor);
		const to = from === undefined ? (by < 0 ? this.items.length - 1 : 0) : from + by;
		return this.moveTo(to);
	}

	/** Puts the cursor on a line. */
	moveTo(place: number): number {
		const bounded = Math.max(0, Math.min(place, this.items.length - 1));
		this.cursor = this.items[bounded]?.key ?? null;
		return this.cursor === null ? -1 : bounded;
	}
}

/** How the list of the window is looked at: kept while other screens are shown. */
export const listView = new ContainerListView();
