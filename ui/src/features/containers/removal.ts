import type { ContainerView } from "../../host/host";
import { isUp } from "./status";

/** What the question before a removal says. */
export interface Removal {
	title: string;
	goesAway: string[];
	/** What stays, one sentence each. */
	stays: string[];
}

const NAMED = 6;

function list(names: readonly string[]): string {
	const shown = names.slice(0, NAMED);
	const rest = names.length - shown.length;
	if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
	return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : (shown[0] ?? "");
}

/** What goes away with these containers, and what does not. */
export function removal(containers: readonly ContainerView[]): Removal {
	const one = containers.length === 1;
	const names = containers.map(({ name }) => name);
	const running = containers.filter(isUp);
	const goesAway = [one ? `The container ${names[0]}` : `The containers ${list(names)}`];
	if (one && running.length === 1)
		goesAway.push(`What it is doing: it is ${containers[0]?.state} and is killed first`);
	else if (running.length > 0) {
		goesAway.push(
			running.length === containers.length
				? "What they are doing: all of them run and are killed first"
				: `What ${list(running.map(({ name }) => name))} ${running.length === 1 ? "is" : "are"} doing: what runs is killed first`,
		);
	}
	goesAway.push(
		one
			? "Files changed inside it that are in no volume, and its log"
			: "Files changed inside them that are in no volume, and their logs",
	);

	const mounts = containers.flatMap((container) =>
		container.mounts.map((mount) => ({ ...mount, of: container.name })),
	);
	const named = [
		...new Set(mounts.filter((m) => m.kind === "volume" && !m.anonymous).map((m) => m.source ?? m.target)),
	];
	const anonymous = mounts.filter((m) => m.kind === "volume" && m.anonymous);
	const folders = mounts.some((m) => m.kind === "bind");
	const stays: string[] = [];
	if (named.length > 0)
		stays.push(
			`${named.length === 1 ? "The volume" : "The volumes"} ${list(named)} ${named.length === 1 ? "stays" : "stay"}.`,
		);
	if (anonymous.length > 0) {
		const paths = list(anonymous.map((m) => (one ? m.target : `${m.of}:${m.target}`)));
		stays.push(
			anonymous.length === 1
				? `The unnamed volume at ${paths} stays on the engine.`
				: `The unnamed volumes at ${paths} stay on the engine.`,
		);
	}
	if (folders) stays.push("Folders of the host that are mounted stay as they are.");
	return { title: one ? `Remove ${names[0]}?` : `Remove ${containers.length} containers?`, goesAway, stays };
}
