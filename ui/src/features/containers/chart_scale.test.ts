import { describe, expect, it } from "vitest";
import { cpuScale, memoryScale } from "./chart_scale";

const MB = 1024 ** 2;

describe("the top of a chart", () => {
	it("is a round number above all values", () => {
		expect(cpuScale([], null)).toBe(5);
		expect(cpuScale([null, 3, 7], null)).toBe(10);
		expect(cpuScale([96], null)).toBe(200);
		expect(cpuScale([700], null)).toBe(800);
		expect(memoryScale([90 * MB], null)).toBe(128 * MB);
	});
	it("is not above the limit", () => {
		expect(cpuScale([96], 150)).toBe(150);
		expect(cpuScale([3], 150)).toBe(5);
		expect(memoryScale([60 * MB], 64 * MB)).toBe(64 * MB);
		// A limit that was lowered below the current use.
		expect(memoryScale([60 * MB], 32 * MB)).toBe(128 * MB);
	});
});
