import { expect, it } from "vitest";
import { narrow } from "./narrow";

it("names the widths that an element does not reach", () => {
	const element = document.createElement("div");
	for (const [width, below] of [
		[1000, ""],
		[900, ""],
		[899, "900"],
		[300, "900 480"],
	] as const) {
		Object.defineProperty(element, "clientWidth", { value: width, configurable: true });
		narrow(900, 480)(element)();
		expect(element.dataset.below).toBe(below);
	}
});
