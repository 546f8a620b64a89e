import { describe, expect, it, vi } from "vitest";
import { HostError, type LogExtent, type LogRow } from "../../host/host";
import { afterDrawing, Log, rowKey } from "./log.svelte";
import { LINE_HEIGHT, OVERSCAN } from "./viewport";

const row = (line: number): LogRow => ({ line, at: null, stderr: false, spans: [], partial: false });

function backend(held = { first: 0, end: 0 }) {
	const extents: ((extent: LogExtent) => void)[] = [];
	const frames: (() => void)[] = [];
	const asked: { first: number; count: number; answer: () => void }[] = [];
	const logClose = vi.fn(async () => null);
	const host = {
		logOpen: vi.fn(async (_: string, extent: (extent: LogExtent) => void) => {
			extents.push(extent);
			return extents.length;
		}),
		logRows: vi.fn(
			(_: number, first: number, count: number) =>
				new Promise<LogRow[]>((resolve) => {
					const answer = () => {
						const end = Math.min(first + count, held.end);
						const from = Math.max(first, held.first);
						resolve(Array.from({ length: Math.max(end - from, 0) }, (_, i) => row(from + i)));
					};
					asked.push({ first, count, answer });
				}),
		),
		logClose,
	};
	const log = new Log(host, (run) => frames.push(run));
	const tick = () => new Promise((resolve) => setTimeout(resolve));
	return {
		log,
		host,
		asked,
		grow: (end: number, fields: Partial<LogExtent> = {}) => {
			held.end = end;
			held.first = fields.first ?? held.first;
			extents.at(-1)?.({
				...held,
				lines_per_second: 0,
				following: true,
				error: null,
				older: { kind: "none" },
				...fields,
			});
		},
		/** Answers the oldest request and paints its rows. */
		turn: async () => {
			asked.shift()?.answer();
			await tick();
			for (const run of frames.splice(0)) run();
			await tick();
		},
	};
}

describe("Log", () => {
	it("shows the newest lines and follows them", async () => {
		const { log, grow, turn } = backend();
		await log.open("a");
		grow(1_000);
		await turn();
		expect(log.frame).toMatchObject({ drawn: { first: 960 - OVERSCAN, end: 1_000 }, place: "end" });
		grow(1_001);
		await turn();
		expect(log.frame.drawn.end).toBe(1_001);
	});

	it("has one request under way however fast lines arrive, and the next is for the newest", async () => {
		const { log, grow, turn, asked, host } = backend();
		await log.open("a");
		grow(1_000);
		for (let end = 2_000; end <= 50_000; end += 1_000) grow(end);
		expect(asked).toHaveLength(1);
		await turn();
		expect(asked).toHaveLength(1);
		await turn();
		expect(host.logRows).toHaveBeenCalledTimes(2);
		expect(log.frame.drawn.end).toBe(50_000);
		expect(log.total).toBe(50_000);
	});

	it("stands still when left, counts what it does not show, and comes back", async () => {
		const { log, grow, turn, asked } = backend();
		await log.open("a");
		grow(1_000);
		await turn();
		grow(1_500);
		log.leave();
		await turn();
		const frame = log.frame;
		grow(4_000);
		expect(asked).toHaveLength(0);
		expect(log.frame).toBe(frame);
		expect(frame.held.end).toBe(1_000);
		expect(log.unseen).toBe(3_000);
		log.follow();
		await turn();
		expect(log.frame.drawn.end).toBe(4_000);
		expect(log.unseen).toBe(0);
	});

	it("draws what is scrolled to, and the last place wins", async () => {
		const { log, grow, turn } = backend();
		await log.open("a");
		grow(100_000);
		await turn();
		log.leave();
		log.around(500);
		log.around(600);
		log.around(700);
		await turn();
		await turn();
		expect(log.frame.drawn).toEqual({ first: 700 - OVERSCAN, end: 740 + OVERSCAN });
		expect(log.frame.place).toBe("keep");
		log.jumpTo(50_000);
		await turn();
		expect(log.frame.place).toEqual({ line: 50_000, offset: -20 * LINE_HEIGHT });
	});

	it("keeps the element of a line while it is drawn, and the elements when it jumps", async () => {
		const { log, grow, turn } = backend();
		const keys = () => log.frame.rows.map(({ line }) => rowKey(log.frame, line));
		await log.open("a");
		grow(1_000);
		await turn();
		const [before, key] = [log.frame, rowKey(log.frame, 999)];
		grow(1_005);
		await turn();
		expect(rowKey(log.frame, 999)).toBe(key);
		expect(log.frame.rows.find(({ line }) => line === 999)).toBe(before.rows.at(-1));
		expect(new Set(keys()).size).toBe(80);
		const shifted = keys();
		grow(50_123);
		await turn();
		expect(keys()).toEqual(shifted);
	});

	it("shows what is held when older lines are dropped on the way", async () => {
		const { log, grow, turn } = backend();
		await log.open("a");
		grow(10_000);
		await turn();
		log.leave();
		log.around(100);
		grow(20_000, { first: 5_000 });
		await turn();
		expect(log.frame.rows).toHaveLength(0);
		log.around(100);
		await turn();
		expect(log.frame.drawn.first).toBe(5_000);
	});

	it("asks for no rows when only older lines have moved on", async () => {
		const { log, grow, turn, asked } = backend({ first: 9_000, end: 9_000 });
		await log.open("a");
		grow(10_000);
		await turn();
		for (let lines = 0; lines < 5_000; lines += 1_000) grow(10_000, { older: { kind: "reading", lines } });
		expect(asked).toHaveLength(0);
		// They have arrived, and the scrollable height includes them too.
		grow(10_000, { first: 4_000 });
		await turn();
		expect(log.frame.held).toEqual({ first: 4_000, end: 10_000 });
		expect(log.total).toBe(6_000);
	});

	it("draws only what is on screen while lines go by", async () => {
		const { log, grow, turn } = backend();
		await log.open("a");
		grow(50_000, { lines_per_second: 50_000 });
		await turn();
		expect(log.frame.rows.length).toBeLessThan(log.visible + OVERSCAN / 2);
		expect(log.frame.rows.length).toBeGreaterThanOrEqual(log.visible);
	});

	it("keeps its rows while the same log is opened again", async () => {
		const { log, grow, turn, host } = backend();
		await log.open("a");
		grow(100);
		await turn();
		await log.open("a");
		expect(host.logClose).toHaveBeenCalledWith(1);
		grow(0);
		await turn();
		expect(log.frame.rows).toHaveLength(80);
		grow(3);
		await turn();
		await turn();
		expect(log.frame.rows).toHaveLength(3);
	});

	it("closes a session that nobody waits for any more", async () => {
		const { log, host } = backend();
		const opening = log.open("a");
		log.close();
		await opening;
		expect(host.logClose).toHaveBeenCalledWith(1);
		expect(log.session).toBe(null);
	});

	it("says why it cannot be opened, and tries again", async () => {
		const { log, host } = backend();
		const error = { kind: "conflict" as const, message: "no log driver", hint: null, detail: null };
		host.logOpen.mockRejectedValueOnce(new HostError(error));
		await log.open("a");
		expect(log.error).toBe(error);
		log.retry();
		await vi.waitFor(() => expect(log.session).toBe(1));
		expect(log.error).toBe(null);
	});
});

describe("afterDrawing", () => {
	it("leaves the page twice as much time as drawing took", () => {
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "requestAnimationFrame"] });
		try {
			const run = vi.fn();
			afterDrawing(run, true);
			// The frame is on the screen after 16 ms.
			vi.advanceTimersByTime(40);
			expect(run).not.toHaveBeenCalled();
			vi.advanceTimersByTime(20);
			expect(run).toHaveBeenCalledTimes(1);
			vi.advanceTimersByTime(1_000);
			expect(run).toHaveBeenCalledTimes(1);
			afterDrawing(run, false);
			vi.advanceTimersByTime(20);
			expect(run).toHaveBeenCalledTimes(2);
		} finally {
			vi.useRealTimers();
		}
	});
});
