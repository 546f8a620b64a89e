function luminance(color: string): number {
	const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255);
	const [r = 0, g = 0, b = 0] = channels.map((c) =>
		c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4,
	);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** White, or near-black where white would be hard to see (WCAG: 3 to 1 for graphics). */
export function inkOn(color: string): string {
	return 1.05 / (luminance(color) + 0.05) >= 2.6 ? "#ffffff" : "#16191d";
}
