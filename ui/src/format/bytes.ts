/*
 * Numbers on the screen, in one form; the command prints the same (crates/cli/src/numbers.tsv has examples, tests of both
 * read them).
 *
 * - A space stands between number and unit, no space before %. One decimal below 100 unless it is zero, none above.
 * - Images, downloads, files and networks count in powers of 1000, as `docker images` does. Memory, and the machine's disk
 *   that is set like it, count in powers of 1024, as engines count limits. Both are labelled KB, MB, GB, as people say it.
 * - "A of B" says the unit once where it is the same, and both count in powers of the same number.
 * - From 1,000 on a number has commas. CPU is percent of one CPU: one decimal below 10, none above (numbers.ts).
 * - Times of day have 24 hours; how long something took has two units at most (time.ts).
 */

const units = ["B", "KB", "MB", "GB", "TB", "PB"];

/** What is stored or sent: 71_800_000 → "71.8 MB". */
export function bytes(count: number): string {
	let value = count;
	let unit = 0;
	while (Math.round(value) >= 1000 && unit < units.length - 1) {
		value /= 1000;
		unit += 1;
	}
	return `${significant(value, unit)} ${units[unit]}`;
}

/** "12 of 72 MB", "400 MB of 4 GB". */
export function bytesOf(part: number, whole: number): string {
	return shareOf(bytes(part), bytes(whole));
}

/** Memory: 536_870_912 → "512 MB". */
export function memory(count: number): string {
	let value = count;
	let unit = 0;
	while (Math.round(value) >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit += 1;
	}
	return `${significant(value, unit)} ${units[unit]}`;
}

/** "1.2 of 2 GB", "46.6 MB of 2 GB". */
export function memoryOf(part: number, whole: number): string {
	return shareOf(memory(part), memory(whole));
}

function shareOf(part: string, whole: string): string {
	const [number = "", unit] = part.split(" ");
	return `${number === "0" || whole.endsWith(` ${unit}`) ? number : part} of ${whole}`;
}

function significant(value: number, unit: number): string {
	const rounded = unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10;
	return String(rounded);
}
