import { expect, test } from "vitest";
import { placement } from "./menu_placement";

/** As many as the menu of a container has: 367 pixels. */
const items = Array.from({ length: 11 }, (_, at) => ({ separated: at === 3 || at === 7 || at === 10 }));

test.each([
	["below its button", 800, null, { top: 60, bottom: 86 }, { side: "bottom", compact: false }],
	["above a button at the foot", 800, null, { top: 760, bottom: 786 }, { side: "bottom", compact: false }],
	[
		"beside a button in the middle of a low window",
		500,
		null,
		{ top: 240, bottom: 266 },
		{ side: "left", compact: false },
	],
	["at the pointer", 500, { x: 300, y: 450 }, { top: 440, bottom: 466 }, { side: "right", compact: false }],
	[
		"with lower items where the window is lower than the menu",
		370,
		{ x: 9, y: 9 },
		undefined,
		{ side: "right", compact: true },
	],
])("a menu opens %s", (_, height, at, button, expected) => {
	expect(placement(items, height, at, button)).toEqual(expected);
});
