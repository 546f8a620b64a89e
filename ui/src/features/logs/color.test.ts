import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { contrast, readable } from "./color";

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
});
