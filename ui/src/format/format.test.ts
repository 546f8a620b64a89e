// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bytes, bytesOf, memory, memoryOf } from "./bytes";
import { count, cpu, plural, shortId } from "./numbers";
import { ago, duration, moment, timeOfDay } from "./time";

/** The command's tests read the same lines. */
const shownInBoth = readFileSync(new URL("../../../crates/cli/src/numbers.tsv", import.meta.url), "utf8")
	.split("\n")
	.filter((line) => line && !line.startsWith("#"))
	.map((line) => line.split("\t") as [string, string, string]);

test.each(shownInBoth)("%s %s is %s, here and in the command", (kind, number, expected) => {
	const formats: Record<string, (value: number) => string> = { bytes, memory, cpu, duration };
	expect(formats[kind]?.(Number(number))).toBe(expected);
});

describe("bytes", () => {
	test.each([
		[0, "0 B"],
		[999, "999 B"],
		[1000, "1 KB"],
		[71_800_000, "71.8 MB"],
		[154_000_000, "154 MB"],
		[999_999_999, "1 GB"],
		[6_100_000_000, "6.1 GB"],
	])("%d is %s", (value, expected) => expect(bytes(value)).toBe(expected));

	test("of a part and a whole in the same unit, the unit is said once", () => {
		expect(bytesOf(12_000_000, 72_000_000)).toBe("12 of 72 MB");
		expect(bytesOf(400_000_000, 4_000_000_000)).toBe("400 MB of 4 GB");
		expect(bytesOf(0, 500)).toBe("0 of 500 B");
	});

	test("memory comes in powers of two", () => {
		expect(memory(536_870_912)).toBe("512 MB");
		expect(memory(4 * 1024 ** 3)).toBe("4 GB");
		expect(memoryOf(400 * 1024 ** 2, 2 * 1024 ** 3)).toBe("400 MB of 2 GB");
		expect(memoryOf(1.2 * 1024 ** 3, 2 * 1024 ** 3)).toBe("1.2 of 2 GB");
	});
});

describe("time", () => {
	test.each([
		[0, "0.0 s"],
		[412, "0.4 s"],
		[12_300, "12 s"],
		[60_000, "1 min"],
		[185_000, "3 min 5 s"],
		[7_800_000, "2 h 10 min"],
		[86_400_000, "1 d"],
	])("%d ms is %s", (value, expected) => expect(duration(value)).toBe(expected));

	const now = Date.parse("2026-03-10T12:00:00Z");
	test.each([
		["2026-03-10T11:59:55Z", "just now"],
		["2026-03-10T11:59:24Z", "36 s ago"],
		["2026-03-10T11:55:00Z", "5 min ago"],
		["2026-03-10T09:00:00Z", "3 h ago"],
		["2026-03-09T09:00:00Z", "1 day ago"],
		["2026-03-01T12:00:00Z", "9 days ago"],
		["2026-01-30T12:00:00Z", "1 month ago"],
		["2025-11-10T12:00:00Z", "3 months ago"],
		["2024-12-01T12:00:00Z", "1 year ago"],
		["2020-12-01T12:00:00Z", "5 years ago"],
		["", ""],
	])("%s is %s", (value, expected) => expect(ago(value, now)).toBe(expected));
});

test("times of day have 24 hours, whatever the language of the computer", () => {
	const at = new Date(2026, 2, 10, 14, 3, 22).getTime();
	expect(timeOfDay(at)).toBe("14:03");
	expect(moment(at)).toBe("10 Mar 2026, 14:03:22");
	expect(timeOfDay("")).toBe("");
});

test("numbers", () => {
	expect(cpu(0.12)).toBe("0.1%");
	expect(cpu(150.4)).toBe("150%");
	expect(count(10_482_113)).toBe("10,482,113");
	expect(plural(1, "container")).toBe("1 container");
	expect(plural(1200, "container")).toBe("1,200 containers");
	expect(shortId("sha256:0123456789abcdef")).toBe("0123456789ab");
});
