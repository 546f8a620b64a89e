import type { ContainerView, StatsView } from "../../host/host";
import { countsAsRunning, crashCode, hasFailed, isCrashLooping } from "./status";

/** Columns that the list can be sorted by. */
export type SortColumn = "name" | "image" | "ports" | "cpu" | "memory" | "status";

/** The sort order of the list. */
export interface Sort {
	column: SortColumn;
	descending: boolean;
}

/** Number of containers of a group with problems. */
export interface Trouble {
	failed: number;
	unhealthy: number;
	/** Fail again and again. */
	crashing: number;
	/** End well again and again. */
	restarting: number;
}

/** The heading of a group. */
export interface Heading {
	kind: "heading";
	key: string;
	title: string;
	/** Whether the group is a stack, which can be started and stopped as one. */
	stack: boolean;
	running: number;
	ids: string[];
	trouble: Trouble;
	collapsed: boolean;
}

/** A line of the list: a group heading, or a container. */
export type ListItem = Heading | { kind: "row"; key: string; container: ContainerView; group: string | null };

/** Key of the group of containers without a stack that count as stopped. */
export const STOPPED = "stopped";

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function lowestPort(container: ContainerView): number {
	let lowest = Number.POSITIVE_INFINITY;
	for (const port of container.ports) {
		if (port.host_port !== null) lowest = Math.min(lowest, port.host_port);
	}
	return lowest;
}

const STATE_RANK = ["running", "restarting", "paused", "removing", "created", "exited", "dead", "unknown"];

function comparator(
	{ column }: Sort,
	usage: ReadonlyMap<string, StatsView>,
): (a: ContainerView, b: ContainerView) => number {
	const used = (container: ContainerView, field: "cpu_percent" | "memory_bytes") =>
		usage.get(container.id)?.[field] ?? -1;
	switch (column) {
		case "name":
			return () => 0;
		case "image":
			return (a, b) => names.compare(a.image, b.image);
		case "ports":
			// Infinity minus itself is not a number, so containers without ports compare as equal.
			return (a, b) => lowestPort(a) - lowestPort(b) || 0;
		case "cpu":
			return (a, b) => used(a, "cpu_percent") - used(b, "cpu_percent");
		case "memory":
			return (a, b) => used(a, "memory_bytes") - used(b, "memory_bytes");
		case "status":
			return (a, b) =>
				STATE_RANK.indexOf(a.state) - STATE_RANK.indexOf(b.state) ||
				(a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0);
	}
}

/** Sorts a list in place; ties by name, then by id, so that rows never swap without a reason. */
export function sortContainers(
	containers: ContainerView[],
	sort: Sort,
	usage: ReadonlyMap<string, StatsView>,
): ContainerView[] {
	const compare = comparator(sort, usage);
	const direction = sort.descending ? -1 : 1;
	return containers.sort((a, b) => {
		const byColumn = compare(a, b) * direction;
		if (byColumn !== 0) return byColumn;
		const byName = names.compare(a.name, b.name) * (sort.column === "name" ? direction : 1);
		return byName !== 0 ? byName : a.id < b.id ? -1 : 1;
	});
}

/** Counts the problems in a group. */
export function trouble(members: readonly ContainerView[]): Trouble {
	const found: Trouble = { failed: 0, unhealthy: 0, crashing: 0, restarting: 0 };
	const now = Date.now();
	for (const member of members) {
		if (isCrashLooping(member, now)) {
			if (crashCode(member)) found.crashing += 1;
			else found.restarting += 1;
		} else if (hasFailed(member)) found.failed += 1;
		else if (member.state === "running" && member.health === "unhealthy") found.unhealthy += 1;
	}
	return found;
}

/** `1 failed · 2 unhealthy`, or null when all is well. */
export function troubleWords({ failed, unhealthy, crashing, restarting }: Trouble): string | null {
	const words = [
		failed > 0 && `${failed} failed`,
		crashing > 0 && `${crashing} ${crashing === 1 ? "keeps" : "keep"} crashing`,
		restarting > 0 && `${restarting} ${restarting === 1 ? "keeps" : "keep"} restarting`,
		unhealthy > 0 && `${unhealthy} unhealthy`,
	].filter((word) => word !== false);
	return words.length > 0 ? words.join(" · ") : null;
}

/** Summary of a group's states: `3 running`, `1 of 3 running`, `3 stopped`; when only last known, `3 were running`. */
export function groupWords({ running, ids, stack }: Heading, stale = false): string {
	if (stale && stack && running > 0)
		return `${running === ids.length ? running : `${running} of ${ids.length}`} ${running === 1 ? "was" : "were"} running`;
	if (!stack) return String(ids.length);
	if (running === 0) return `${ids.length} stopped`;
	return running === ids.length ? `${running} running` : `${running} of ${ids.length} running`;
}

/**
 * The lines of the list. Sorted by name, stacks and stopped containers are grouped; any other column ranks
 * all containers against each other, without groups.
 */
export function listItems(sorted: ContainerView[], sort: Sort, collapsed: ReadonlySet<string>): ListItem[] {
	const row = (container: ContainerView, group: string | null): ListItem => ({
		kind: "row",
		key: container.id,
		container,
		group,
	});
	if (sort.column !== "name") return sorted.map((container) => row(container, null));

	const up: ContainerView[] = [];
	const stopped: ContainerView[] = [];
	const stacks = new Map<string, ContainerView[]>();
	for (const container of sorted) {
		if (container.stack !== null) {
			const members = stacks.get(container.stack);
			if (members) members.push(container);
			else stacks.set(container.stack, [container]);
		} else if (countsAsRunning(container)) up.push(container);
		else stopped.push(container);
	}
	// A single group of everything has no heading.
	if (stacks.size === 0 && (up.length === 0 || stopped.length === 0)) {
		return sorted.map((container) => row(container, null));
	}

	const items: ListItem[] = up.map((container) => row(container, null));
	const group = (key: string, title: string, members: ContainerView[]) => {
		items.push({
			kind: "heading",
			key,
			title,
			stack: key !== STOPPED,
			trouble: trouble(members),
			running: members.filter((member) => countsAsRunning(member)).length,
			ids: members.map((member) => member.id),
			collapsed: collapsed.has(key),
		});
		if (!collapsed.has(key)) for (const member of members) items.push(row(member, key));
	};
	for (const stack of [...stacks.keys()].sort((a, b) => names.compare(a, b))) {
		group(`stack:${stack}`, stack, stacks.get(stack) ?? []);
	}
	if (stopped.length > 0) group(STOPPED, "Stopped", stopped);
	return items;
}
