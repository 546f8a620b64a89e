const units = ["B", "KB", "MB", "GB", "TB", "PB"];

/** Bytes in decimal units as `docker` prints them: 71_800_000 → "71.8 MB". */
export function bytes(count: number): string {
	let value = count;
	let unit = 0;
	while (Math.round(value) >= 1000 && unit < units.length - 1) {
		value /= 1000;
		unit += 1;
	}
	return `${significant(value, unit)} ${units[unit]}`;
}

/** Both numbers in the unit of the whole: "12 of 72 MB". */
export function bytesOf(part: number, whole: number): string {
	const [, unit] = bytes(whole).split(" ");
	const scale = 1000 ** units.indexOf(unit ?? "B");
	return `${significant(part / scale, units.indexOf(unit ?? "B"))} of ${bytes(whole)}`;
}

/** Memory, which comes in powers of two and is labelled as people say it: 536_870_912 → "512 MB". */
export function memory(count: number): string {
	const names = units;
	let value = count;
	let unit = 0;
	while (Math.round(value) >= 1024 && unit < names.length - 1) {
		value /= 1024;
		unit += 1;
	}
	return `${significant(value, unit)} ${names[unit]}`;
}

/** Both in the unit of the whole: "0.4 of 2 GB". */
export function memoryOf(part: number, whole: number): string {
	const [, unit] = memory(whole).split(" ");
	const power = units.indexOf(unit ?? "B");
	return `${significant(part / 1024 ** power, power)} of ${memory(whole)}`;
}

function significant(value: number, unit: number): string {
	if (unit === 0 || value >= 100) return Math.round(value).toString();
	return value.toFixed(1).replace(/\.0$/, "");
}
