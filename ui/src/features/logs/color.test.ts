import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { contrast, paint, palette, readable } from "./color";

const backgrounds = { light: "#eef0f3", dark: "#0c0e11" };

it("makes every colour readable on both themes", () => {
	for (const background of Object.values(backgrounds)) {
		for (const color of ["#000000", "#ffffff", "#ffff00", "#0000ff", "#808080", "#123456", "#5f5f5f"]) {
			expect(contrast(readable(color, background), background), color).toBeGreaterThanOrEqual(4.5);
		}
	}
});

it("leaves alone what can be read", () => {
	expect(readable("#b42318", backgrounds.light)).toBe("#b42318");
	expect(readable("#5fc987", backgrounds.dark)).toBe("#5fc987");
	expect(readable("nonsense", backgrounds.dark)).toBe("nonsense");
});

describe("the theme’s colours", () => {
	const tokens = readFileSync("src/styles/tokens.css", "utf8");
	const [light = "", dark = ""] = tokens.split('[data-theme="dark"]');

	it.each([
		["light", light],
		["dark", dark],
	])("%s: all sixteen can be read", (_, block) => {
		const value = (name: string) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(block)?.[1] ?? "";
		for (let number = 0; number < 16; number++) {
			expect(contrast(value(`ansi-${number}`), value("sunken")), `ansi-${number}`).toBeGreaterThanOrEqual(
				4.5,
			);
		}
	});

	it.each([
		["light", light],
		["dark", dark],
	])("%s: text can be read on every background, reverse video too", (_, block) => {
		const on = palette((name) => new RegExp(`${name}: (#[0-9a-f]{6})`).exec(block)?.[1] ?? "");
		const colors = [...on.ansi.keys()].map(String).concat("#080808", "#ff87d7", "#00005f", "#808080");
		for (const bg of [...colors, "foreground"]) {
			for (const fg of [null, "background", ...colors]) {
				const { color, background } = paint(fg, bg, on);
				expect(contrast(color, background), `${fg} on ${bg}`).toBeGreaterThanOrEqual(4.5);
			}
		}
		expect(paint("background", "foreground", on)).toEqual({
			color: on.background,
			background: on.foreground,
		});
		// A bright background differs from the plain one.
		expect(paint(null, "9", on).background).not.toBe(paint(null, "1", on).background);
	});
});
