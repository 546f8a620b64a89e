import { type Host, host, type StatsView } from "../../host/host";

type UsageHost = Pick<Host, "statsWatch">;

/** Number of samples in a sparkline: about a minute. */
export const SAMPLES = 60;

/** How long the set of visible rows must be stable before it is watched. */
const SETTLE = 200;

/**
 * Resource use of the containers on screen: the visible rows and the open detail, only while the window is
 * visible. There is one watch; a new one replaces the previous one.
 */
export class Usage {
	/** The newest sample of each watched container. */
	latest: ReadonlyMap<string, StatsView> = $state.raw(new Map());
	/** The last samples of each, oldest first. */
	history: ReadonlyMap<string, readonly StatsView[]> = $state.raw(new Map());

	readonly #host: UsageHost;
	readonly #wanted = new Map<string, readonly string[]>();
	#watched: readonly string[] = [];
	#generation = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(from: UsageHost = host) {
		this.#host = from;
		document.addEventListener("visibilitychange", () => this.#settle(0));
	}

	/** Sets the containers that one part of the window shows, replacing that part's previous set. */
	want(who: string, ids: readonly string[]) {
		if (ids.length === 0) this.#wanted.delete(who);
		else this.#wanted.set(who, ids);
		this.#settle(this.#wanted.size === 0 ? 0 : SETTLE);
	}

	/** Restarts the watch after the engine was gone, because its streams have ended. */
	again() {
		this.#watched = [];
		this.#settle(0);
	}

	#settle(after: number) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#watch(), after);
	}

	#watch() {
		const ids = document.hidden ? [] : [...new Set([...this.#wanted.values()].flat())].sort();
		if (ids.length === this.#watched.length && ids.every((id, place) => id === this.#watched[place])) return;
		this.#watched = ids;
		this.#generation += 1;
		const generation = this.#generation;
		const kept = new Set(ids);
		if (!document.hidden) {
			this.latest = new Map([...this.latest].filter(([id]) => kept.has(id)));
			this.history = new Map([...this.history].filter(([id]) => kept.has(id)));
		}
		this.#host
			.statsWatch(ids, (batch) => {
				if (generation === this.#generation) this.#receive(batch);
			})
			.catch(() => {
				// Without samples the columns stay empty; the list itself reports a missing engine.
				if (generation === this.#generation) this.#watched = [];
			});
	}

	#receive(batch: readonly StatsView[]) {
		const latest = new Map(this.latest);
		const history = new Map(this.history);
		for (const sample of batch) {
			latest.set(sample.id, sample);
			history.set(sample.id, [...(history.get(sample.id) ?? []), sample].slice(-SAMPLES));
		}
		this.latest = latest;
		this.history = history;
	}
}

export const usage = new Usage();
