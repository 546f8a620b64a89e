import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogMatches, LogQuery } from "../../host/host";
import { HostError } from "../../host/host";
import { LogSearch, lastAtMost } from "./search.svelte";

it("lastAtMost", () => {
	const check = (numbers: number[], limit: number, expected: number) =>
		expect(lastAtMost(numbers, limit)).toBe(expected);
	check([], 5, -1);
	check([6, 7], 5, -1);
	check([1, 5, 9], 5, 1);
	check([1, 5, 9], 8, 1);
	check([1, 5, 9], Number.POSITIVE_INFINITY, 2);
});

function searching(answer: (query: LogQuery) => LogMatches | Promise<LogMatches>) {
	const jumps: number[] = [];
	const log = {
		session: 1,
		extent: { first: 0, end: 100 },
		jumpTo: (line: number) => jumps.push(line),
		follow: () => jumps.push(-1),
	};
	const logSearch = vi.fn(async (_: number, query: LogQuery) => answer(query));
	const search = new LogSearch(log as never, { logSearch });
	const type = async (text: string) => {
		search.text = text;
		search.typed();
		await vi.advanceTimersByTimeAsync(200);
	};
	return { search, log, jumps, logSearch, type };
}

describe("LogSearch", () => {
	beforeEach(() => void vi.useFakeTimers());
	afterEach(() => void vi.useRealTimers());

	it("goes to the first match from the top of the screen on, so that the next one is not the first of all", async () => {
		const { search, type } = searching(() => ({ lines: [10, 20, 22, 30], total: 4 }));
		const first = async (top: number) => {
			search.top = () => top;
			await type("");
			await type("x");
			return search.current;
		};
		expect([await first(20), await first(21), await first(0), await first(31)]).toEqual([20, 22, 10, 30]);
	});

	it("goes to the match nearest to the screen, then around", async () => {
		const { search, jumps, type } = searching(() => ({ lines: [10, 20, 30], total: 3 }));
		search.top = () => 15;
		await type("x");
		expect(search.place).toBe(2);
		search.step(1);
		search.step(1);
		search.step(-1);
		search.step(-1);
		expect(jumps).toEqual([20, 30, 10, 30, 20]);
		expect(search.place).toBe(2);
	});

	it("is searching from the first letter, until the matches are those of the text", async () => {
		let answer: (matches: LogMatches) => void = () => {};
		const { search, type } = searching(() => new Promise((resolve) => (answer = resolve)));
		expect(search.searching).toBe(false);
		search.text = "x";
		search.typed();
		expect(search.searching).toBe(true);
		await vi.advanceTimersByTimeAsync(200);
		expect(search.searching).toBe(true);
		answer({ lines: [], total: 0 });
		await vi.advanceTimersByTimeAsync(0);
		expect(search.searching).toBe(false);
		await type("xy");
		expect(search.searching).toBe(true);
	});

	it("counts matches that are too many to be listed", async () => {
		const { search, type } = searching(() => ({ lines: [90, 95], total: 5_000 }));
		await type("x");
		expect(search.place).toBe(5_000);
	});

	it("asks once for what was typed last, and forgets what was asked before", async () => {
		let first: (matches: LogMatches) => void = () => {};
		const { search, type, logSearch } = searching(({ text }) =>
			text === "ab" ? new Promise((resolve) => (first = resolve)) : { lines: [1], total: 1 },
		);
		search.text = "a";
		search.typed();
		await type("ab");
		await type("abc");
		first({ lines: [1, 2, 3], total: 3 });
		await vi.advanceTimersByTimeAsync(1);
		expect(logSearch.mock.calls.map(([, { text }]) => text)).toEqual(["ab", "abc"]);
		expect(search.matches.total).toBe(1);
		await type("");
		expect(search.matches.total).toBe(0);
	});

	it("says what is wrong with an expression", async () => {
		const error = { kind: "invalid_input" as const, message: "unclosed group", hint: null, detail: null };
		const { search, type } = searching(() => Promise.reject(new HostError(error)));
		await type("(");
		expect(search.error).toBe(error);
		expect(search.busy).toBe(false);
	});

	it("searches again while the log grows, without moving the view", async () => {
		const { search, type, log, logSearch, jumps } = searching(() => ({ lines: [1], total: 1 }));
		await type("x");
		search.refresh();
		expect(logSearch).toHaveBeenCalledTimes(1);
		log.extent.end = 200;
		search.refresh();
		expect(logSearch).toHaveBeenCalledTimes(1);
		await vi.advanceTimersByTimeAsync(1_500);
		search.refresh();
		await vi.advanceTimersByTimeAsync(1);
		expect(logSearch).toHaveBeenCalledTimes(2);
		expect(jumps).toEqual([1]);
		// Older lines have arrived.
		log.extent.first = -100;
		await vi.advanceTimersByTimeAsync(1_500);
		search.refresh();
		expect(logSearch).toHaveBeenCalledTimes(3);
	});

	it("leaves the other lines where they are while only matching ones are shown", async () => {
		const { search, jumps, type } = searching(() => ({ lines: [10, 20], total: 2 }));
		search.only = true;
		await type("x");
		expect(search.applied?.text).toBe("x");
		expect(jumps).toEqual([]);
		search.showAll();
		expect(jumps).toEqual([20]);
		expect(search.only).toBe(false);
		search.showAll(10);
		expect(jumps).toEqual([20, 10]);
		await type("");
		expect(search.applied).toBe(null);
		search.showAll();
		expect(jumps).toEqual([20, 10, -1]);
	});
});
