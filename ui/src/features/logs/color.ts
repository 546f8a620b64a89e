/** WCAG AA contrast for text of normal size. */
const ENOUGH = 4.5;

type Rgb = [number, number, number];

function parse(hex: string): Rgb | null {
	const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
	return match ? ([1, 2, 3].map((place) => Number.parseInt(match[place] ?? "0", 16)) as Rgb) : null;
}

function luminance(color: Rgb): number {
	const [r, g, b] = color.map((value) => {
		const part = value / 255;
		return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
	}) as Rgb;
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast between two colours `#rrggbb`, from 1 to 21. */
export function contrast(a: string, b: string): number {
	const [one, other] = [parse(a), parse(b)];
	if (!one || !other) return 1;
	const [light, dark] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [number, number];
	return (light + 0.05) / (dark + 0.05);
}

function mix(from: Rgb, to: Rgb, share: number): string {
	return `#${from
		.map((value, place) =>
			Math.round(value + (to[place]! - value) * share)
				.toString(16)
				.padStart(2, "0"),
		)
		.join("")}`;
}

const found = new Map<string, string>();

/**
 * A program's colour, moved towards black or white just as far as needed to be readable on the background.
 * Programs choose colours for a terminal whose background they do not know.
 */
export function readable(color: string, background: string): string {
	const key = color + background;
	const known = found.get(key);
	if (known) return known;
	const [from, on] = [parse(color), parse(background)];
	if (!from || !on) return color;
	const to: Rgb = luminance(on) > 0.18 ? [0, 0, 0] : [255, 255, 255];
	let result = color;
	for (let share = 0; share <= 1; share += 0.05) {
		result = mix(from, to, share);
		if (contrast(result, background) >= ENOUGH) break;
	}
	// The cache is bounded, because a log can contain any number of colours.
	if (found.size > 2_000) found.clear();
	found.set(key, result);
	return result;
}

/** The colours of a theme that spans refer to, as `#rrggbb`. */
export interface Palette {
	/** Background of lines. */
	background: string;
	/** Text without a colour of its own. */
	foreground: string;
	/** The sixteen ANSI colours. */
	ansi: readonly string[];
}

/** The palette of the current theme. */
export function palette(value: (name: string) => string): Palette {
	return {
		background: value("--sunken"),
		foreground: value("--text"),
		ansi: Array.from({ length: 16 }, (_, place) => value(`--ansi-${place}`)),
	};
}

function named(color: string, { background, foreground, ansi }: Palette): string {
	if (color === "background") return background;
	if (color === "foreground") return foreground;
	return color.startsWith("#") ? color : (ansi[Number(color)] ?? foreground);
}

/**
 * Colours of text with a background: the background is the program's choice, and the text's own colour is
 * adjusted to be readable on it.
 */
export function paint(fg: string | null, bg: string, on: Palette): { color: string; background: string } {
	const background = named(bg, on);
	return { color: readable(named(fg ?? "foreground", on), background), background };
}
