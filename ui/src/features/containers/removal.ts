import { plural } from "../../format/numbers";
import type { ContainerView } from "../../host/host";
import { countsAsRunning, isUp } from "./status";

/** The text of the removal dialog. */
export interface Removal {
	title: string;
	goesAway: string[];
	/** The things that are kept, one sentence each. */
	stays: string[];
}

const NAMED = 6;

function list(names: readonly string[]): string {
	const shown = names.slice(0, NAMED);
	const rest = names.length - shown.length;
	if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
	return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : (shown[0] ?? "");
}

/** The things that a removal of these containers deletes and keeps. */
export function removal(containers: readonly ContainerView[]): Removal {
	const one = containers.length === 1;
	const names = containers.map(({ name }) => name);
	const running = containers.filter((container) => countsAsRunning(container));
	const crashing = containers.filter((container) => isUp(container) && !countsAsRunning(container));
	const goesAway = [one ? `The container ${names[0]}` : `The containers ${list(names)}`];
	if (one && running.length === 1)
		goesAway.push(`Its processes: it is ${containers[0]?.state} and will be stopped`);
	else if (running.length > 0) {
		const which = running.length === containers.length ? "" : `: ${list(running.map(({ name }) => name))}`;
		goesAway.push(`${plural(running.length, "running container")} will be stopped${which}`);
	}
	if (one && crashing.length === 1)
		goesAway.push("Its restarts: it keeps crashing and will not be started again");
	else if (crashing.length > 0)
		goesAway.push(
			`${plural(crashing.length, "container")} that ${crashing.length === 1 ? "keeps" : "keep"} crashing will be stopped: ${list(crashing.map(({ name }) => name))}`,
		);
	goesAway.push(
		one
			? "Files in it that are not in a volume, and its logs"
			: "Files in them that are not in a volume, and their logs",
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
			`${named.length === 1 ? "The volume" : "The volumes"} ${list(named)} ${named.length === 1 ? "is" : "are"} kept.`,
		);
	if (anonymous.length > 0) {
		const paths = list(anonymous.map((m) => (one ? m.target : `${m.of}:${m.target}`)));
		stays.push(
			anonymous.length === 1
				? `The anonymous volume at ${paths} is kept.`
				: `The anonymous volumes at ${paths} are kept.`,
		);
	}
	if (folders) stays.push("Folders mounted from the engine's host are not changed.");
	return { title: one ? `Remove ${names[0]}?` : `Remove ${containers.length} containers?`, goesAway, stays };
}
