/** A position in the window, in pixels. */
export interface Point {
	x: number;
	y: number;
}

/** Heights of the parts of a menu in pixels, as in the styles of `.popover` and `.menu-item`. */
const ITEM = 30;
const SEPARATOR = 9;
const BORDERS = 10;
/** Distance of a menu from the edges of the window. */
const EDGE = 8;
/** Distance of a menu from its button. */
const GAP = 4;

interface Placement {
	/** `right` and `left` can move a menu up and down to fit the window; `bottom` hangs it from its button. */
	side: "bottom" | "right" | "left";
	/** Lower items, because the window is too low for the full height. */
	compact: boolean;
}

/**
 * Where a menu opens: at a point, with its corner there; else below or above its button, or beside the button
 * where neither has the height for all of its items. A menu that no window height holds scrolls.
 */
export function placement(
	items: readonly { separated?: boolean }[],
	windowHeight: number,
	at: Point | null,
	button: Pick<DOMRect, "top" | "bottom"> | undefined,
): Placement {
	const separators = items.filter(({ separated }) => separated).length;
	const height = items.length * ITEM + separators * SEPARATOR + BORDERS;
	const compact = height > windowHeight - 2 * EDGE;
	if (at) return { side: "right", compact };
	const above = (button?.top ?? windowHeight) - GAP - EDGE;
	const below = windowHeight - (button?.bottom ?? 0) - GAP - EDGE;
	return { side: height > Math.max(above, below) ? "left" : "bottom", compact };
}
