import { type Host, host, type StatsView } from "../../host/host";

type UsageHost = Pick<Host, "statsWatch">;

/** How many samples a sparkline shows: about a minute. */
export const SAMPLES = 60;

/** How long the set of rows on screen has to stand still before it is watched. */
const SETTLE = 200;

/**
 * What containers use, for those that somebody looks at: the rows on screen and the open detail, and only
 * while the window can be seen. There is one watch; a new one takes the place of the one before.
 */
export class Usage {
	/** The newest sample of each container that is watched. */
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

	/** Says what one part of the window shows. It replaces what the same part said before. */
	want(who: string, ids: readonly string[]) {
		if (ids.length === 0) this.#wanted.delete(who);
		else this.#wanted.set(who, ids);
		this.#settle(this.#wanted.size === 0 ? 0 : SETTLE);
	}

	/** Asks for the same anew: the engine went away and is back, and streams of before have ended. */
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
				// Without samples the columns stay empty; the list itself says when the engine is gone.
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
