import { describe, expect, it } from "vitest";
import {
	anchorInPad,
	LINE_HEIGHT,
	type Lines,
	linesAround,
	MAX_HEIGHT,
	nearEdge,
	newestLines,
	OVERSCAN,
	pads,
} from "./viewport";

const lines = (first: number, end: number): Lines => ({ first, end });

describe("pads", () => {
	it("are exact in logs of ordinary length", () => {
		expect(pads(lines(100, 1_100), lines(300, 400))).toEqual({ above: 4_000, below: 14_000, perLine: 20 });
		expect(pads(lines(0, 0), lines(0, 0))).toEqual({ above: 0, below: 0, perLine: 20 });
	});
	it("stay below what a web view can hold", () => {
		for (const total of [400_001, 3_000_000, 50_000_000]) {
			const { above, below } = pads(lines(0, total), lines(total / 2, total / 2 + 120));
			expect(above + below + 120 * LINE_HEIGHT).toBeLessThan(MAX_HEIGHT + 120 * LINE_HEIGHT);
		}
	});
	it("are never negative, when what is drawn is not held any more", () => {
		expect(pads(lines(500, 600), lines(0, 100))).toMatchObject({ above: 0, below: 500 * LINE_HEIGHT });
	});
});

describe("anchorInPad", () => {
	const check = (top: number, held: Lines, drawn: Lines, line: number | null) => {
		const { above } = pads(held, drawn);
		const bottom = above + (drawn.end - drawn.first) * LINE_HEIGHT;
		expect(anchorInPad(top, bottom, held, drawn)?.line ?? null).toBe(line);
	};

	it("finds the line under the scroll bar", () => {
		check(0, lines(0, 1_000), lines(400, 500), 0);
		check(2_000, lines(0, 1_000), lines(400, 500), 100);
		check(8_000, lines(0, 1_000), lines(400, 500), null);
		check(9_999, lines(0, 1_000), lines(400, 500), null);
		check(10_000, lines(0, 1_000), lines(400, 500), 500);
		check(19_999, lines(0, 1_000), lines(400, 500), 999);
		check(999_999, lines(0, 1_000), lines(400, 500), 999);
	});
	it("reaches every part of three million lines", () => {
		const held = lines(0, 3_000_000);
		for (const share of [0, 0.1, 0.5, 0.9]) {
			const drawn = lines(1_500_000, 1_500_120);
			const { above, below } = pads(held, drawn);
			const top = share * (above + below);
			const anchor = anchorInPad(top, above + 120 * LINE_HEIGHT, held, drawn);
			const expected = share * 3_000_000;
			if (share !== 0.5) expect(Math.abs((anchor?.line ?? -1e9) - expected)).toBeLessThan(1_500);
		}
		check(0, held, lines(1_500_000, 1_500_120), 0);
		check(MAX_HEIGHT * 2, held, lines(1_500_000, 1_500_120), 2_999_999);
	});
	it("is where it was after the lines there are drawn, so that a drag does not jump", () => {
		const held = lines(0, 3_000_000);
		const before = lines(0, 120);
		const top = 4_000_000;
		const anchor = anchorInPad(top, 120 * LINE_HEIGHT, held, before);
		const drawn = linesAround(anchor?.line ?? 0, 40, held);
		const { above } = pads(held, drawn);
		const topAfter = above + ((anchor?.line ?? 0) - drawn.first) * LINE_HEIGHT;
		expect(Math.abs(topAfter - top)).toBeLessThan(4_000);
	});
});

describe("the lines to draw", () => {
	it("surround those on screen", () => {
		expect(linesAround(500, 40, lines(0, 1_000))).toEqual(lines(500 - OVERSCAN, 540 + OVERSCAN));
		expect(linesAround(0, 40, lines(0, 1_000))).toEqual(lines(0, 40 + OVERSCAN));
		expect(linesAround(990, 40, lines(0, 1_000))).toEqual(lines(960 - OVERSCAN, 1_000));
		expect(linesAround(0, 40, lines(0, 10))).toEqual(lines(0, 10));
		expect(linesAround(0, 40, lines(200, 1_000))).toEqual(lines(200, 240 + OVERSCAN));
		expect(linesAround(5, 40, lines(0, 0))).toEqual(lines(0, 0));
		expect(newestLines(40, lines(0, 1_000))).toEqual(lines(960 - OVERSCAN, 1_000));
		expect(newestLines(40, lines(990, 1_000))).toEqual(lines(990, 1_000));
	});
	it("are fetched before the edge is on screen", () => {
		const held = lines(0, 1_000);
		expect(nearEdge(500, 40, held, lines(460, 580))).toBe(false);
		expect(nearEdge(470, 40, held, lines(460, 580))).toBe(true);
		expect(nearEdge(530, 40, held, lines(460, 580))).toBe(true);
		expect(nearEdge(0, 40, held, lines(0, 80))).toBe(false);
		expect(nearEdge(960, 40, held, lines(920, 1_000))).toBe(false);
	});
});
