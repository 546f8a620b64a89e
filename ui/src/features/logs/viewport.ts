/** Height of a line that is not wrapped, in pixels. */
export const LINE_HEIGHT = 20;

/** Web views give up on elements of 16 to 33 million pixels; the scrollable height stays well below. */
export const MAX_HEIGHT = 8_000_000;

/** Lines that are drawn above and below those on screen. */
export const OVERSCAN = 40;

/** A range of lines: from `first` to before `end`. */
export interface Lines {
	first: number;
	end: number;
}

/**
 * The scrollable height: a pad for the lines above those drawn, the lines drawn, a pad for those below.
 * Pads stand for 20 pixels a line; in logs too tall for that, for proportionally less, so that the scroll bar
 * still tells where one is. The lines drawn always have their true height, so small movements are exact.
 */
export interface Pads {
	above: number;
	below: number;
	/** Pixels that stand for one line in a pad. */
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

/** A place in the log: so many pixels below the top of a line. */
export interface Anchor {
	line: number;
	offset: number;
}

/**
 * The place that is `top` pixels down, when it is in a pad: the line that the pad stands for there.
 * `bottom` is where the lines drawn end. Null when `top` is among the lines drawn.
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

/** The lines to draw so that `visible` lines from `top` on are on screen, with some to spare on both sides. */
export function linesAround(top: number, visible: number, held: Lines): Lines {
	const first = Math.max(held.first, Math.min(top, held.end - visible) - OVERSCAN);
	const end = Math.min(held.end, Math.max(top, held.first) + visible + OVERSCAN);
	return { first: Math.min(first, end), end };
}

/** The newest lines, as many as fill the screen and some to spare. */
export function newestLines(visible: number, held: Lines, spare = OVERSCAN): Lines {
	return { first: Math.max(held.first, held.end - visible - spare), end: held.end };
}

/** Whether scrolling comes so close to the edge of what is drawn that more should be fetched. */
export function nearEdge(top: number, visible: number, held: Lines, drawn: Lines): boolean {
	const spare = OVERSCAN / 2;
	return (
		(drawn.first > held.first && top - drawn.first < spare) ||
		(drawn.end < held.end && drawn.end - (top + visible) < spare)
	);
}
