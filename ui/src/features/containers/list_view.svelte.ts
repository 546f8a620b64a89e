import type { ContainerView, StatsView } from "../../host/host";
import { Lines } from "../../state/lines.svelte";
import { remember, remembered } from "../../state/remembered";
import { type Containers, containers } from "./containers.svelte";
import { filterProblem, isEmptyFilter, matchesFilter, parseFilter } from "./filter";
import { type ListItem, listItems, type Sort, type SortColumn, sortContainers } from "./list";
import { countsAsRunning, hasProblem } from "./status";

/** Columns that sort in descending order first. */
const BIGGEST_FIRST: ReadonlySet<SortColumn> = new Set(["cpu", "memory"]);

/**
 * The chips above the list. Running and stopped add up to all; those with problems are among both, and their chip
 * is there only while there are any.
 */
export const STATE_CHIPS = ["all", "running", "stopped", "problems"] as const;
export type StateChip = (typeof STATE_CHIPS)[number];

const IN_CHIP: Record<StateChip, (container: ContainerView) => boolean> = {
	all: () => true,
	running: (container) => countsAsRunning(container),
	stopped: (container) => !countsAsRunning(container),
	problems: (container) => hasProblem(container),
};

function rememberedChip(): StateChip {
	const chip = remembered<string>("containers.chip", "all", sessionStorage);
	return STATE_CHIPS.find((known) => known === chip) ?? "all";
}

/** The view of the list: filter, order, open groups, the focused row and the ticked rows. */
export class ContainerListView extends Lines<ListItem> {
	filterText = $state("");
	/** The selected chip; a new session begins with all. */
	chip: StateChip = $state(rememberedChip());
	sort: Sort = $state.raw(remembered<Sort>("containers.sort", { column: "name", descending: false }));
	collapsed: ReadonlySet<string> = $state.raw(new Set(remembered<string[]>("containers.collapsed", [])));
	/** The usage by which the list was last ordered. */
	usage: ReadonlyMap<string, StatsView> = $state.raw(new Map());

	readonly #source: Containers;
	/** The last known ports by container, of those that have any. */
	#ports: ReadonlyMap<string, ContainerView["ports"]> = new Map();

	filter = $derived(parseFilter(this.filterText));
	filtering = $derived(!isEmptyFilter(this.filter));
	/** Likely mistakes in the filter. */
	problem: string | null = $derived.by(() =>
		this.filtering ? filterProblem(this.filter, this.#source.all) : null,
	);
	/** Matches of the filter, ignoring the chip. */
	filtered: ContainerView[] = $derived.by(() => this.#match());
	/** Matches of the filter and the chip. */
	matching: ContainerView[] = $derived(
		this.chip === "all" ? this.filtered : this.filtered.filter(IN_CHIP[this.chip]),
	);
	sorted: ContainerView[] = $derived(sortContainers([...this.matching], this.sort, this.usage));
	items: ListItem[] = $derived(
		listItems(this.sorted, this.sort, this.filtering ? new Set() : this.collapsed),
	);
	/** Ticked rows that are shown. */
	selected: ContainerView[] = $derived(
		this.ticked.size === 0 ? [] : this.sorted.filter((container) => this.ticked.has(container.id)),
	);

	/** Whether none, some or all of the shown rows are ticked. */
	tickState: "none" | "some" | "all" = $derived(
		this.selected.length === 0 ? "none" : this.selected.length === this.sorted.length ? "all" : "some",
	);

	/** The containers that an action on this one applies to: all ticked ones if it is one of them. */
	chosenWith(container: ContainerView): readonly ContainerView[] {
		return this.ticked.has(container.id) ? this.selected : [container];
	}

	constructor(source: Containers = containers) {
		super();
		this.#source = source;
	}

	#match(): ContainerView[] {
		const { all } = this.#source;
		this.#remember(all);
		return this.filtering
			? all.filter((container) => matchesFilter(this.#withPorts(container), this.filter))
			: all;
	}

	/** The engine lists no ports for a stopped container. The filter finds it by those that it had. */
	#withPorts(container: ContainerView): ContainerView {
		const ports = container.ports.length > 0 ? undefined : this.#ports.get(container.id);
		return ports ? { ...container, ports } : container;
	}

	#remember(all: readonly ContainerView[]) {
		const known = new Map<string, ContainerView["ports"]>();
		for (const { id, ports } of all) {
			const last = ports.length > 0 ? ports : this.#ports.get(id);
			if (last) known.set(id, last);
		}
		this.#ports = known;
	}

	/** Shows all containers, or those that a chip counts. */
	choose(chip: StateChip) {
		this.chip = chip;
		remember("containers.chip", chip, sessionStorage);
	}

	/** Sorts by a column; a second time in reverse. */
	sortBy(column: SortColumn) {
		const descending = this.sort.column === column ? !this.sort.descending : BIGGEST_FIRST.has(column);
		this.sort = { column, descending };
		remember("containers.sort", this.sort);
	}

	/** Expands or collapses a group. */
	toggleGroup(key: string, collapse = !this.collapsed.has(key)) {
		const next = new Set(this.collapsed);
		if (collapse) next.add(key);
		else next.delete(key);
		this.collapsed = next;
		remember("containers.collapsed", [...next]);
	}

	protected override tickable(line: ListItem): boolean {
		return line.kind === "row";
	}

	protected override allKeys(): string[] {
		return this.sorted.map(({ id }) => id);
	}

	/** Moves the cursor by lines, within the list. Returns its new index, or -1 in an empty list. */
	move(by: number): number {
		if (this.items.length === 0) return -1;
		const from = this.cursor === null ? undefined : this.places.get(this.cursor);
		const to = from === undefined ? (by < 0 ? this.items.length - 1 : 0) : from + by;
		return this.moveTo(to);
	}
}

/** The view of the window's list, which is kept while other screens are shown. */
export const listView = new ContainerListView();
