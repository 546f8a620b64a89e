/** Height of a line that is not wrapped, in pixels. */
export const LINE_HEIGHT = 20;

/** Limit of the scrollable height: web views fail at elements of 16 to 33 million pixels. */
export const MAX_HEIGHT = 8_000_000;

/** Overscan: lines rendered above and below those on screen. */
export const OVERSCAN = 40;

/** A range of lines: from `first` to before `end`. */
export interface Lines {
	first: number;
	end: number;
}

/**
 * The scrollable height: padding for the lines above, the rendered lines, padding for the lines below.
 * Padding has 20 pixels a line; in very tall logs it has proportionally less, so that the scroll bar still
 * shows the position. Rendered lines always have their true height, so small movements are exact.
 */
export interface Pads {
	above: number;
	below: number;
	/** Pixels per line in the padding. */
	perLine: number;
}

export function pads(held: Lines, drawn: Lines): Pads {
	const total = Math.max(held.end - held.first, 0);
	const perLine = total * LINE_HEIGHT <= MAX_HEIGHT ? LINE_HEIGHT : MAX_HEIGHT / total;
	return {
		above: Math.max(drawn.first - held.first, 0) * perLine,
		below: Math.max(held.end - drawn.end, 0) * perLine,
		perLine,
	};
}

/** A position in the log: pixels below the top of a line. */
export interface Anchor {
	line: number;
	offset: number;
}

/**
 * The position at `top` pixels, if it is in the padding: the line that the padding represents there. `bottom`
 * is where the rendered lines end. Null if `top` is among the rendered lines.
 */
export function anchorInPad(top: number, bottom: number, held: Lines, drawn: Lines): Anchor | null {
	const { above, below, perLine } = pads(held, drawn);
	if (top < above) {
		return clampAnchor({ line: held.first + Math.floor(top / perLine), offset: 0 }, held);
	}
	if (below > 0 && top >= bottom) {
		return clampAnchor({ line: drawn.end + Math.floor((top - bottom) / perLine), offset: 0 }, held);
	}
	return null;
}

export function clampAnchor(anchor: Anchor, held: Lines): Anchor {
	if (anchor.line < held.first) return { line: held.first, offset: 0 };
	if (anchor.line >= held.end) return { line: Math.max(held.end - 1, held.first), offset: 0 };
	return anchor;
}

/** The lines to render so that `visible` lines from `top` on are on screen, with overscan on both sides. */
export function linesAround(top: number, visible: number, held: Lines): Lines {
	const first = Math.max(held.first, Math.min(top, held.end - visible) - OVERSCAN);
	const end = Math.min(held.end, Math.max(top, held.first) + visible + OVERSCAN);
	return { first: Math.min(first, end), end };
}

/** The newest lines, as many as fill the screen, with overscan. */
export function newestLines(visible: number, held: Lines, spare = OVERSCAN): Lines {
	return { first: Math.max(held.first, held.end - visible - spare), end: held.end };
}

/** Whether the scroll position is so close to the edge of the rendered lines that more should be fetched. */
export function nearEdge(top: number, visible: number, held: Lines, drawn: Lines): boolean {
	const spare = OVERSCAN / 2;
	return (
		(drawn.first > held.first && top - drawn.first < spare) ||
		(drawn.end < held.end && drawn.end - (top + visible) < spare)
	);
}
