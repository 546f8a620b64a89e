import { expect, it } from "vitest";
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
