// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const [light = "", dark = ""] = css.split(':root[data-theme="dark"]');

function colors(block: string): Record<string, string> {
	return Object.fromEntries(
		[...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]),
	);
}
const themes = { light: colors(light), dark: { ...colors(light), ...colors(dark) } };

function luminance(hex: string): number {
	const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
		const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
		return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
	const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
	return (high + 0.05) / (low + 0.05);
}

const grounds = ["bg", "surface", "raised", "sunken", "hover"];
const ansi = Array.from({ length: 16 }, (_, n) => `ansi-${n}`);
/** Pairs of text and background colours. */
const text: [string, string[]][] = [
	["text", [...grounds, "accent-soft", "ok-soft", "warn-soft", "bad-soft"]],
	["muted", grounds],
	["faint", grounds],
	["accent", [...grounds, "accent-soft"]],
	["accent-ink", ["accent", "accent-hover"]],
	["ok-ink", [...grounds, "ok-soft"]],
	["warn-ink", [...grounds, "warn-soft"]],
	["bad-ink", [...grounds, "bad-soft"]],
	["bad-fill-ink", ["bad-fill", "bad-fill-hover"]],
	...ansi.map((name): [string, string[]] => [name, ["sunken"]]),
];
/** Graphics that must be visible: borders of controls, dots, bars. */
const parts: [string, string[]][] = [
	["control-line", ["bg", "surface", "raised"]],
	["accent", grounds],
	["ok", grounds],
	["warn", grounds],
	["bad", grounds],
	["bad-fill", ["surface"]],
];

describe.each(Object.entries(themes))("%s", (_, theme) => {
	const check = (pairs: [string, string[]][], least: number) => {
		const poor = pairs.flatMap(([name, on]) =>
			on
				.map((ground) => ({ name, ground, ratio: contrast(theme[name]!, theme[ground]!) }))
				.filter(({ ratio }) => !(ratio >= least))
				.map(({ name, ground, ratio }) => `${name} on ${ground}: ${ratio.toFixed(2)}`),
		);
		expect(poor).toEqual([]);
	};
	test("text is readable on every ground (WCAG AA, 4.5 to 1)", () => check(text, 4.5));
	test("controls are seen on every ground (WCAG AA, 3 to 1)", () => check(parts, 3));
});
