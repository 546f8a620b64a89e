import { type ApiError, type Host, HostError, host, type LogExtent, type LogRow } from "../../host/host";
import { type Anchor, LINE_HEIGHT, type Lines, linesAround, newestLines, OVERSCAN } from "./viewport";

type LogHost = Pick<Host, "logOpen" | "logRows" | "logClose">;

/** What is drawn, and where the view belongs once it is: at the end, where it was, or at a place asked for. */
export interface Frame {
	rows: readonly LogRow[];
	/** Lines that the scrollable height stands for. Older than `extent` while the view stands still. */
	held: Lines;
	drawn: Lines;
	/** What line numbers are counted from for the keys of rows, see `rowKey`. */
	base: number;
	place: "end" | "keep" | Anchor;
}

/** What is to be drawn next. */
type Wanted = { newest: true } | { newest: false; top: number; place: Frame["place"] };

const NOTHING: Frame = {
	rows: [],
	held: { first: 0, end: 0 },
	drawn: { first: 0, end: 0 },
	base: 0,
	place: "end",
};

/**
 * Which element draws a line: a line keeps its element while it is drawn, which keeps what is selected in it,
 * and a jump to other lines writes them into the elements that are there.
 */
export function rowKey({ rows, base }: Frame, line: number): number {
	const count = rows.length;
	return count === 0 ? 0 : (((line - base) % count) + count) % count;
}

/** So many lines a second go by before anybody could scroll to them. */
const FLOOD = 1_000;
/** Lines that are drawn above those on screen meanwhile. */
const OVERSCAN_OF_FLOOD = 4;
/** How long the page rests after drawing, times as long as that took, and at most. */
const REST = 2;
const REST_MOST = 400;

/**
 * Runs in the next frame; with `rest`, once that is painted and the page had twice as long for everything else as
 * it took. A page that is slow to draw, on a computer that is busy with what it draws, draws less often.
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
	// Painting comes right after the callback.
	requestAnimationFrame(() => (rest ? setTimeout(once) : once()));
	setTimeout(once, 100);
}

/**
 * One container's log. The backend holds the lines; this holds the few that are drawn.
 *
 * However fast lines arrive, at most one request for rows is under way, the next one is for what is wanted by
 * then, and it leaves when the last one's rows are drawn. While the view follows, the end that is shown is the
 * end of the rows that are here, so nothing blank is ever scrolled to.
 */
export class Log {
	/** What the backend holds. Null until it has said so. */
	extent: LogExtent | null = $state.raw(null);
	frame: Frame = $state.raw(NOTHING);
	/** Whether the view sticks to the newest line. */
	following = $state(true);
	/** Whether a person paused it, so that reaching the end does not make it follow again. */
	paused = $state(false);
	opening = $state(false);
	/** Why the log could not be opened or read. What broke a stream off is in `extent`. */
	#failure: HostError | null = $state.raw(null);
	#leftAt = $state(0);
	session: number | null = $state(null);

	error: ApiError | null = $derived(this.#failure?.error ?? this.extent?.error ?? null);
	total: number = $derived(this.extent ? this.extent.end - this.extent.first : 0);
	/** Lines that arrived since the view stands still. */
	unseen: number = $derived(this.following || !this.extent ? 0 : Math.max(this.extent.end - this.#leftAt, 0));
	/** Whether the stream has come to its end: the container does not run, or the stream broke off. */
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

	/** Opens a container's log; the same one again after it ended or broke off. Old rows stay until new ones are here. */
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

	/** Sticks to the newest line from now on. */
	follow() {
		this.following = true;
		this.paused = false;
		this.want({ newest: true });
	}

	/** Stands still. `paused` is for a person who asked for it, rather than one who scrolled up. */
	leave(paused = false) {
		if (this.following) {
			this.#leftAt = this.frame.held.end;
			if (this.#wanted?.newest) this.#wanted = null;
		}
		this.following = false;
		this.paused ||= paused;
	}

	/** Shows a line at a height on screen, for example a match in the middle. */
	jumpTo(line: number, above = Math.floor(this.visible / 2)) {
		this.leave();
		this.want({ newest: false, top: line - above, place: { line, offset: -above * LINE_HEIGHT } });
	}

	/** Draws the lines around those on screen. */
	around(top: number) {
		this.want({ newest: false, top, place: "keep" });
	}

	/** Asks for lines. Only the last wish counts. */
	want(wanted: Wanted) {
		this.#wanted = wanted;
		void this.#fetch();
	}

	#grow(extent: LogExtent) {
		this.extent = extent;
		if (this.following && !this.#shows(extent)) this.want({ newest: true });
	}

	/** Whether what is drawn is the end of what is held now. */
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
		// Someone scrolled up while the newest lines were on their way.
		if (wanted.newest && !this.following) return;
		const first = rows[0]?.line;
		// A log that is opened again is empty for a moment; what was there stays until it is not.
		if (first === undefined && more && held.end === held.first && this.frame.rows.length > 0) return;
		const drawn =
			first === undefined ? { first: held.end, end: held.end } : { first, end: first + rows.length };
		const before = this.frame;
		const overlaps = drawn.first < before.drawn.end && before.drawn.first < drawn.end;
		const sameCount = rows.length === before.rows.length;
		const known = overlaps && this.#shownSession === this.session ? before.rows : [];
		this.#shownSession = this.session;
		this.frame = {
			// A row that was drawn already is the same object, so nothing about it is rendered again.
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
