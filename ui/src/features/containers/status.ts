import { plural } from "../../format/numbers";
import { age as ageWords } from "../../format/time";
import type { ContainerAction, ContainerState, ContainerView, Ending } from "../../host/host";
import { clock } from "../../state/clock.svelte";

/** Colours of the state dot: `idle` is an empty ring. */
export type Tone = "ok" | "warn" | "bad" | "idle";

const UP: ReadonlySet<ContainerState> = new Set(["running", "paused", "restarting"]);

/** Whether a container has processes, running or frozen. */
export function isUp(container: { state: ContainerState }): boolean {
	return UP.has(container.state);
}

/** How a container ended, where the engine gives no reason. A failure without a reason is told by its exit code. */
const ENDING_WORDS: Record<Ending, string> = {
	finished: "finished",
	stopped: "stopped",
	killed: "killed",
	out_of_memory: "out of memory",
	failed: "failed",
	not_started: "could not be started",
};

/** Endings that need attention, as in crates/api/src/container.rs. */
const FAILURES: ReadonlySet<Ending> = new Set(["failed", "out_of_memory", "not_started"]);

/** Why a container ended, without the time: the reason if it is known, otherwise the ending or the exit code. */
export function exitReason(container: ContainerView): string {
	const { reason, ending, exit_code: code } = container;
	if (reason) return reason;
	if (ending !== null && ending !== "failed") return ENDING_WORDS[ending];
	if (code) return `exit code ${code}`;
	return ENDING_WORDS[ending ?? (code === 0 ? "finished" : "stopped")];
}

/** Whether a container's last start failed: it has no end that its log could explain. */
export function isUnstarted(container: ContainerView): boolean {
	return container.state === "created" ? container.reason !== null : container.ending === "not_started";
}

/** Whether a container's end is worth a look. */
export function hasFailed(container: ContainerView): boolean {
	switch (container.state) {
		case "dead":
			return true;
		case "created":
			return container.reason !== null;
		case "exited":
			return container.ending !== null && FAILURES.has(container.ending);
		default:
			return false;
	}
}

/**
 * A container that has run for this long no longer counts as crashing; crates/core/src/container.rs has the
 * same constant.
 */
const STABLE = 60_000;

/**
 * Whether a container's restart policy restarts it again and again: it is waiting for that, or was started a
 * moment ago.
 */
export function isCrashLooping(container: ContainerView, now?: number): boolean {
	if (container.state === "restarting") return true;
	if (container.state !== "running" || !container.restart_count || container.since === null) return false;
	return (now ?? clock.since(container.since)) - Date.parse(container.since) < STABLE;
}

/**
 * Whether a container counts as running; every other one counts as stopped, so that the two add up to all. One
 * that keeps crashing does not do its work: most of the time it has no process and waits to be started again.
 */
export function countsAsRunning(container: ContainerView, now?: number): boolean {
	return isUp(container) && !isCrashLooping(container, now);
}

/** Whether a container needs attention: it failed, keeps crashing, or is unhealthy. It is also running or stopped. */
export function hasProblem(container: ContainerView, now?: number): boolean {
	const unhealthy = container.state === "running" && container.health === "unhealthy";
	return unhealthy || hasFailed(container) || isCrashLooping(container, now);
}

/** Exit code of the previous run of a container that restarts again and again. */
export function crashCode(container: ContainerView): number | null {
	return container.exit_code ?? container.last_exit_code;
}

function loopWords(container: ContainerView): string {
	return crashCode(container) ? "keeps crashing" : "keeps restarting";
}

/**
 * The status of a container that restarts again and again: `keeps crashing · restarted 7 times · exit
 * code 1`. The number of restarts matters most, so that a narrow column cuts the rest.
 */
export function crashWords(container: ContainerView): string {
	const code = crashCode(container);
	const words = [loopWords(container)];
	const count = container.restart_count;
	if (count) words.push(count === 1 ? "restarted once" : `restarted ${plural(count, "time")}`);
	if (container.reason && container.state === "restarting") words.push(container.reason);
	else if (code !== null) words.push(`exit code ${code}`);
	return words.join(" · ");
}

/** The colour of a container's dot. */
export function tone(container: ContainerView): Tone {
	if (hasFailed(container) || isCrashLooping(container)) return "bad";
	switch (container.state) {
		case "running":
			return container.health === "unhealthy" ? "warn" : "ok";
		case "paused":
		case "removing":
			return "warn";
		default:
			return "idle";
	}
}

const SHORT_UNITS: [RegExp, string][] = [
	[/\b(?:less than a second)\b/i, "now"],
	[/\babout an? (minute|hour)\b/i, "1 $1"],
	[/(\d+) seconds?\b/i, "$1 s"],
	[/(\d+) minutes?\b/i, "$1 min"],
	[/(\d+) hours?\b/i, "$1 h"],
];

/** The duration in the engine's status text, shortened: `Up 2 hours (healthy)` → `2 h`. */
export function statusAge(status: string): string | null {
	const match = /^(?:Up|Exited \(-?\d+\)|Restarting \(-?\d+\)|Created)\s+(.*)$/i.exec(status.trim());
	let text = match?.[1]?.replace(/\s*\((?:healthy|unhealthy|paused|health: starting)\)\s*/gi, "").trim();
	if (!text) return null;
	text = text.replace(/\s+ago$/i, "");
	for (const [pattern, short] of SHORT_UNITS) text = text.replace(pattern, short);
	return text.toLowerCase();
}

/**
 * A container's status for the list, in a few words: `up 2 h`, `out of memory (limit 64 MB) · 10 min ago`.
 */
export function statusWords(container: ContainerView, now: number = clock.since(container.since)): string {
	const since = container.since === null ? Number.NaN : Date.parse(container.since);
	const age = Number.isNaN(since) ? statusAge(container.status) : (ageWords(now - since) ?? "now");
	const ago = age === null ? "" : age === "now" ? " · just now" : ` · ${age} ago`;
	switch (container.state) {
		case "running": {
			const up = age === null ? "running" : age === "now" ? "just started" : `up ${age}`;
			if (isCrashLooping(container, now)) return crashWords(container);
			if (container.health === "unhealthy") return `unhealthy · ${up}`;
			if (container.health === "starting") return `${up} · checking health`;
			return up;
		}
		case "paused":
			return age === null || age === "now" ? "paused" : `paused · up ${age}`;
		case "restarting":
			return crashWords(container);
		case "removing":
			return "being removed";
		case "created":
			return container.reason ?? "never started";
		case "exited":
			// The engine keeps the time of the run before.
			if (container.ending === "not_started") return exitReason(container);
			// The duration of the stop is shown in the detail.
			return (
				(container.ending === "stopped"
					? exitReason(container).replace(/ \(.*\)$/, "")
					: exitReason(container)) + ago
			);
		case "dead":
			return container.reason ?? "the engine failed to remove it";
		default:
			return container.status || "state unknown";
	}
}

const WAS: Partial<Record<ContainerState, string>> = {
	running: "was running",
	paused: "was paused",
	restarting: "was restarting",
	removing: "was being removed",
};

/** The status as it was last known, while the engine cannot be asked: no time that goes on counting. */
export function lastKnownWords(container: ContainerView): string {
	return WAS[container.state] ?? statusWords(container);
}

/** The longest status that the list beside an open detail has room for, in characters. */
const NARROW = 24;

/** The status in a narrow place: only what matters most of a long one. `statusWords` has all of it. */
export function shortStatusWords(
	container: ContainerView,
	now: number = clock.since(container.since),
): string {
	if (isCrashLooping(container, now)) return loopWords(container);
	if (container.state === "running" && container.health === "unhealthy") return "unhealthy";
	const words = statusWords(container, now);
	if (words.length <= NARROW) return words;
	switch (container.state) {
		case "running":
			return container.health === "starting" ? "checking health" : words;
		case "exited":
			if (container.ending === "not_started") return ENDING_WORDS.not_started;
			// The list is too narrow for "stopped with the machine" beside a name.
			return exitReason(container).replace(/ \(.*\)$|^(stopped) with .*$/, "$1");
		case "created":
			return ENDING_WORDS.not_started;
		default:
			return words;
	}
}

/** The action in progress, for a row whose action has not shown an effect yet. */
export const PENDING_WORDS: Record<ContainerAction, string> = {
	start: "starting…",
	stop: "stopping…",
	restart: "restarting…",
	pause: "pausing…",
	unpause: "resuming…",
	kill: "killing…",
	remove: "removing…",
};

/** The label of an action's button. */
export const ACTION_WORDS: Record<ContainerAction, string> = {
	start: "Start",
	stop: "Stop",
	restart: "Restart",
	pause: "Pause",
	unpause: "Resume",
	kill: "Kill",
	remove: "Remove",
};

/** Whether a container's state allows an action. */
export function allows(container: ContainerView, action: ContainerAction): boolean {
	switch (action) {
		case "start":
			return container.state === "created" || container.state === "exited";
		case "stop":
		case "kill":
			return isUp(container);
		case "restart":
			return isUp(container) || container.state === "exited";
		case "pause":
			return container.state === "running";
		case "unpause":
			return container.state === "paused";
		case "remove":
			return container.state !== "removing";
	}
}

/** Whether a container is already in the state that an action leads to. */
export function isDone(container: ContainerView | undefined, action: ContainerAction): boolean {
	if (!container) return true;
	switch (action) {
		case "start":
		case "restart":
		case "unpause":
			return container.state === "running";
		case "stop":
		case "kill":
			return !isUp(container);
		case "pause":
			return container.state === "paused";
		case "remove":
			return false;
	}
}

/** Completes a sentence that begins with one container's name or with several: what could not be done. */
export const FAILED_WORDS: Record<ContainerAction, string> = {
	start: "could not be started",
	stop: "could not be stopped",
	restart: "could not be restarted",
	pause: "could not be paused",
	unpause: "could not be resumed",
	kill: "could not be killed",
	remove: "could not be removed",
};
