import { type ApiError, type Host, HostError, host, type LogMatches, type LogQuery } from "../../host/host";
import { marker } from "./highlight";
import type { Log } from "./log.svelte";
import type { Lines } from "./viewport";

type SearchHost = Pick<Host, "logSearch">;

/** Delay after typing before a search starts. */
const REST = 150;

/** Minimum interval between searches of a growing log. */
const AGAIN = 1_000;

const NONE: LogMatches = { lines: [], total: 0 };
const NO_LINES: Lines = { first: 0, end: 0 };

/** Index of the last number in an ascending list that is at most `limit`, or -1. */
export function lastAtMost(numbers: readonly number[], limit: number): number {
	let low = 0;
	let high = numbers.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (numbers[middle]! <= limit) low = middle + 1;
		else high = middle;
	}
	return low - 1;
}

/** Search in one log. */
export class LogSearch {
	text = $state("");
	regex = $state(false);
	matchCase = $state(false);
	/** Whether only matching lines are shown. */
	only = $state(false);
	/** The last searched text that was valid. */
	applied: LogQuery | null = $state.raw(null);
	matches: LogMatches = $state.raw(NONE);
	/** Line of the current match. */
	current: number | null = $state(null);
	error: ApiError | null = $state.raw(null);
	busy = $state(false);

	query: LogQuery = $derived({ text: this.text, regex: this.regex, match_case: this.matchCase });
	/** Whether `matches` are not those of the typed text yet. */
	searching: boolean = $derived(
		this.text !== "" &&
			(this.busy || this.error === null) &&
			JSON.stringify(this.applied) !== JSON.stringify(this.query),
	);
	mark = $derived(marker(this.query));
	#matching: ReadonlySet<number> = $derived(new Set(this.matches.lines));
	/** Number of the current match, from 1; 0 if there is none. */
	place: number = $derived.by(() => {
		if (this.current === null) return 0;
		const index = lastAtMost(this.matches.lines, this.current);
		if (this.matches.lines[index] !== this.current) return 0;
		return this.matches.total - this.matches.lines.length + index + 1;
	});

	/** The first line on screen, from which the first match is chosen: the next ones follow below. Set by the view. */
	top: () => number = () => Number.POSITIVE_INFINITY;
	/** The last line on screen. Set by the view. */
	bottom: () => number = () => Number.POSITIVE_INFINITY;

	readonly #log: Log;
	readonly #host: SearchHost;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#asked = 0;
	#searched: Lines = NO_LINES;
	#searchedAt = 0;
	#took = 0;

	constructor(log: Log, from: SearchHost = host) {
		this.#log = log;
		this.#host = from;
	}

	/** Searches after a typing pause, and jumps to the nearest match. */
	typed() {
		clearTimeout(this.#timer);
		this.#asked += 1;
		this.current = null;
		if (this.text === "") {
			this.matches = NONE;
			this.applied = null;
			this.error = null;
			this.busy = false;
			return;
		}
		this.busy = true;
		this.#timer = setTimeout(() => void this.#search(true), REST);
	}

	/** Searches again when the log has grown, at a limited rate. */
	refresh() {
		const { first, end } = this.#log.extent ?? NO_LINES;
		if (this.text === "" || this.busy || this.error) return;
		if (!this.searching && end === this.#searched.end && first >= this.#searched.first) return;
		if (Date.now() - this.#searchedAt < Math.max(AGAIN, this.#took * 4)) return;
		void this.#search(false);
	}

	/** Goes to the next match down or up, wrapping around. */
	step(by: 1 | -1) {
		const { lines } = this.matches;
		if (lines.length === 0) return;
		const from = this.current ?? this.bottom();
		const at = lastAtMost(lines, from);
		const next = by === 1 ? at + 1 : lines[at] === from ? at - 1 : at;
		this.#goTo(lines[(next + lines.length) % lines.length]!);
	}

	clear() {
		this.text = "";
		this.typed();
	}

	/** Shows all lines again, at the given line; without one at the current match, or at the newest line. */
	showAll(line: number | null = this.current) {
		this.only = false;
		if (line === null) this.#log.follow();
		else this.#goTo(line);
	}

	matchesLine(line: number): boolean {
		return this.#matching.has(line);
	}

	async #search(jump: boolean) {
		const session = this.#log.session;
		if (session === null) {
			this.busy = false;
			return;
		}
		this.#asked += 1;
		const asked = this.#asked;
		const { first, end } = this.#log.extent ?? NO_LINES;
		const query = this.query;
		this.#searchedAt = Date.now();
		this.busy = true;
		try {
			const matches = await this.#host.logSearch(session, query);
			if (asked !== this.#asked) return;
			this.matches = matches;
			this.applied = query;
			this.error = null;
			this.#searched = { first, end };
		} catch (thrown) {
			if (asked !== this.#asked) return;
			this.matches = NONE;
			this.applied = null;
			this.error = HostError.from(thrown).error;
		}
		this.#took = Date.now() - this.#searchedAt;
		this.busy = false;
		if (jump && this.matches.lines.length > 0) {
			const { lines } = this.matches;
			this.#goTo(lines[Math.min(lastAtMost(lines, this.top() - 1) + 1, lines.length - 1)]!);
		}
	}

	#goTo(line: number) {
		this.current = line;
		// While only matching lines are shown, the full log waits at the line to return to.
		if (!this.only) this.#log.jumpTo(line);
	}
}
