import { fireEvent } from "@testing-library/svelte";
import { afterEach, describe, expect, test } from "vitest";
import { clipped } from "./clipped";
import { hidePressedTitles } from "./pressed_title";

afterEach(() => {
	document.body.innerHTML = "";
});

describe("a text that may be cut off", () => {
	test.each([
		["has a tooltip where it is cut off", 300, "a long name"],
		["has none where it can be read", 100, null],
	])("%s", async (_, scrollWidth, expected) => {
		const element = document.createElement("span");
		Object.defineProperties(element, { clientWidth: { value: 100 }, scrollWidth: { value: scrollWidth } });
		const stop = clipped("a long name")(element);
		await fireEvent.pointerEnter(element);
		expect(element.getAttribute("title")).toBe(expected);
		stop?.();
	});
});

describe("a pressed button", () => {
	function button() {
		document.body.innerHTML = `<button title="Configure"><i></i></button>`;
		return document.querySelector("button")!;
	}

	test("has no tooltip until the pointer has left it", async () => {
		const stop = hidePressedTitles(document);
		const element = button();
		await fireEvent.pointerDown(element.firstElementChild!);
		expect(element.hasAttribute("title")).toBe(false);
		await fireEvent.pointerLeave(element);
		expect(element.title).toBe("Configure");
		stop();
	});

	test("has none while its menu is open", async () => {
		const stop = hidePressedTitles(document);
		const element = button();
		await fireEvent.pointerDown(element);
		element.setAttribute("aria-expanded", "true");
		await fireEvent.pointerLeave(element);
		expect(element.hasAttribute("title")).toBe(false);
		element.setAttribute("aria-expanded", "false");
		await fireEvent.pointerLeave(element);
		expect(element.title).toBe("Configure");
		stop();
	});

	test("keeps the title that it got with the press", async () => {
		const stop = hidePressedTitles(document);
		const element = button();
		await fireEvent.pointerDown(element);
		element.title = "Close";
		await fireEvent.pointerLeave(element);
		expect(element.title).toBe("Close");
		stop();
	});
});
