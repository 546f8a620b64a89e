import { type ApiError, type Host, HostError, host, type LogExtent, type LogRow } from "../../host/host";
import { type Anchor, LINE_HEIGHT, type Lines, linesAround, newestLines, OVERSCAN } from "./viewport";

type LogHost = Pick<Host, "logOpen" | "logRows" | "logClose">;

/**
 * The rendered rows, and the scroll position once they are rendered: at the end, unchanged, or at a requested
 * line.
 */
export interface Frame {
	rows: readonly LogRow[];
	/** Lines that the scrollable height represents. Older than `extent` while the view is paused. */
	held: Lines;
	drawn: Lines;
	/** The base of line numbers in the keys of rows, see `rowKey`. */
	base: number;
	place: "end" | "keep" | Anchor;
}

/** The next state to render. */
type Wanted = { newest: true } | { newest: false; top: number; place: Frame["place"] };

const NOTHING: Frame = {
	rows: [],
	held: { first: 0, end: 0 },
	drawn: { first: 0, end: 0 },
	base: 0,
	place: "end",
};

/**
 * Maps a line to an element: a line keeps its element while it is rendered, which preserves a selection in
 * it; a jump to other lines reuses the existing elements.
 */
export function rowKey({ rows, base }: Frame, line: number): number {
	const count = rows.length;
	return count === 0 ? 0 : (((line - base) % count) + count) % count;
}

/** Lines a second that pass before anybody could scroll to them. */
const FLOOD = 1_000;
/** Lines rendered above the visible ones meanwhile. */
const OVERSCAN_OF_FLOOD = 4;
/** How long the page pauses after rendering, as a multiple of the rendering time, and the limit. */
const REST = 2;
const REST_MOST = 400;

/**
 * Runs in the next frame; with `rest`, once that is painted and the page had twice the rendering time for
 * other work. A page that renders slowly, on a busy computer, therefore renders less often.
 */
export function afterDrawing(run: () => void, rest: boolean) {
	const began = performance.now();
	let ran = false;
	const once = () => {
		if (ran) return;
		ran = true;
		if (rest) setTimeout(run, Math.min((performance.now() - began) * REST, REST_MOST));
		else run();
	};
	// Painting follows right after the callback.
	requestAnimationFrame(() => (rest ? setTimeout(once) : once()));
	setTimeout(once, 100);
}

/**
 * One container's log. The backend holds the lines; this holds the few that are rendered.
 *
 * However fast lines arrive, at most one request for rows is in flight; the next one asks for what is wanted
 * by then, and is sent when the rows of the previous one are rendered. While the view follows, the end of the
 * document is the end of the rows that are here, so the view never scrolls to a blank area.
 */
export class Log {
	/** What the backend holds. Null until it has answered. */
	extent: LogExtent | null = $state.raw(null);
	frame: Frame = $state.raw(NOTHING);
	/** Whether the view follows the newest line. */
	following = $state(true);
	/** Whether the last rendered line is on screen. Set by the view. */
	atEnd = $state(true);
	/** Whether the user paused it, so that reaching the end does not make it follow again. */
	paused = $state(false);
	opening = $state(false);
	/** Why the log could not be opened or read. The reason of a broken stream is in `extent`. */
	#failure: HostError | null = $state.raw(null);
	#leftAt = $state(0);
	session: number | null = $state(null);

	error: ApiError | null = $derived(this.#failure?.error ?? this.extent?.error ?? null);
	total: number = $derived(this.extent ? this.extent.end - this.extent.first : 0);
	/** Whether the newest line is on screen. */
	showsNewest: boolean = $derived(this.atEnd && this.extent?.end === this.frame.drawn.end);
	/** Lines that arrived since the view was paused. */
	unseen: number = $derived(this.following || !this.extent ? 0 : Math.max(this.extent.end - this.#leftAt, 0));
	/** Whether the stream has ended: the container is not running, or the stream broke off. */
	ended: boolean = $derived(this.extent !== null && !this.extent.following);

	/** Lines that fit on screen. Set by the view. */
	visible = 40;

	readonly #host: LogHost;
	readonly #schedule: typeof afterDrawing;
	#id: string | null = null;
	#generation = 0;
	#wanted: Wanted | null = null;
	#shownSession: number | null = null;
	#busy = false;

	constructor(from: LogHost = host, schedule = afterDrawing) {
		this.#host = from;
		this.#schedule = schedule;
	}

	/**
	 * Opens a container's log, or reopens it after it ended or broke off. Old rows stay until new ones
	 * arrive.
	 */
	async open(id: string) {
		const same = id === this.#id;
		this.close();
		this.#id = id;
		if (!same) {
			this.frame = NOTHING;
			this.following = true;
			this.paused = false;
		}
		this.extent = null;
		this.#failure = null;
		this.opening = true;
		const generation = this.#generation;
		const current = () => generation === this.#generation;
		try {
			const session = await this.#host.logOpen(id, (extent) => {
				if (current()) this.#grow(extent);
			});
			if (!current()) {
				this.#host.logClose(session).catch(() => {});
				return;
			}
			this.session = session;
			this.opening = false;
			if (!same || this.following) this.want({ newest: true });
		} catch (thrown) {
			if (!current()) return;
			this.opening = false;
			this.#failure = HostError.from(thrown);
		}
	}

	/** Tries again after an error. */
	retry() {
		if (this.#id !== null) void this.open(this.#id);
	}

	close() {
		this.#generation += 1;
		this.#wanted = null;
		this.#busy = false;
		if (this.session !== null) this.#host.logClose(this.session).catch(() => {});
		this.session = null;
		this.opening = false;
	}

	/** Follows the newest line from now on. */
	follow() {
		this.following = true;
		this.paused = false;
		this.want({ newest: true });
	}

	/** Stops following. `paused` means that the user asked for it, instead of scrolling up. */
	leave(paused = false) {
		if (this.following) {
			this.#leftAt = this.frame.held.end;
			if (this.#wanted?.newest) this.#wanted = null;
		}
		this.following = false;
		this.paused ||= paused;
	}

	/** Scrolls a line to a position on screen, for example a match to the middle. */
	jumpTo(line: number, above = Math.floor(this.visible / 2)) {
		this.leave();
		this.want({ newest: false, top: line - above, place: { line, offset: -above * LINE_HEIGHT } });
	}

	/** Renders the lines around those on screen. */
	around(top: number) {
		this.want({ newest: false, top, place: "keep" });
	}

	/** Requests lines. Only the last request counts. */
	want(wanted: Wanted) {
		this.#wanted = wanted;
		void this.#fetch();
	}

	#grow(extent: LogExtent) {
		this.extent = extent;
		if (this.following && !this.#shows(extent)) this.want({ newest: true });
	}

	/** Whether the rendered rows include the current end of the log. */
	#shows({ first, end }: LogExtent): boolean {
		const { held, drawn, rows } = this.frame;
		const same = this.#shownSession === this.session && held.first === first && held.end === end;
		return same && drawn.end === end && rows.length >= Math.min(this.visible, end - first);
	}

	async #fetch() {
		const [wanted, session, extent] = [this.#wanted, this.session, this.extent];
		if (this.#busy || wanted === null || session === null || extent === null) return;
		this.#wanted = null;
		this.#busy = true;
		const generation = this.#generation;
		const held = { first: extent.first, end: extent.end };
		const lines = wanted.newest
			? newestLines(this.visible, held, extent.lines_per_second > FLOOD ? OVERSCAN_OF_FLOOD : OVERSCAN)
			: linesAround(wanted.top, this.visible, held);
		try {
			const rows =
				lines.end > lines.first
					? await this.#host.logRows(session, lines.first, lines.end - lines.first)
					: [];
			if (generation !== this.#generation) return;
			this.#show(rows, held, wanted, extent.following);
		} catch (thrown) {
			if (generation !== this.#generation) return;
			this.#failure = HostError.from(thrown);
			this.#wanted = null;
		}
		this.#schedule(() => {
			if (generation !== this.#generation) return;
			this.#busy = false;
			void this.#fetch();
		}, wanted.newest);
	}

	#show(rows: LogRow[], held: Lines, wanted: Wanted, more: boolean) {
		// The user scrolled up while the newest lines were in flight.
		if (wanted.newest && !this.following) return;
		const first = rows[0]?.line;
		// A reopened log is empty for a moment; the old rows stay until it has lines.
		if (first === undefined && more && held.end === held.first && this.frame.rows.length > 0) return;
		const drawn =
			first === undefined ? { first: held.end, end: held.end } : { first, end: first + rows.length };
		const before = this.frame;
		const overlaps = drawn.first < before.drawn.end && before.drawn.first < drawn.end;
		const sameCount = rows.length === before.rows.length;
		const known = overlaps && this.#shownSession === this.session ? before.rows : [];
		this.#shownSession = this.session;
		this.frame = {
			// A row that is already rendered is the same object, so it is not rendered again.
			rows: known.length === 0 ? rows : rows.map((row) => known[row.line - before.drawn.first] ?? row),
			held: { first: Math.min(held.first, drawn.first), end: Math.max(held.end, drawn.end) },
			drawn,
			base:
				sameCount && !overlaps
					? drawn.first - (before.drawn.first - before.base)
					: sameCount
						? before.base
						: drawn.first,
			place: wanted.newest ? "end" : wanted.place,
		};
	}
}
