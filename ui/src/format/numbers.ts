const grouped = new Intl.NumberFormat("en-US");

/** CPU in percent of one CPU: "0.1%", "38%", "1,250%". */
export function cpu(percent: number): string {
	return percent < 9.95 ? `${(Math.round(percent * 10) / 10).toFixed(1)}%` : `${count(Math.round(percent))}%`;
}

/** 10482113 → "10,482,113". */
export function count(value: number): string {
	return grouped.format(value);
}

/** "1 container", "3 containers". */
export function plural(value: number, one: string, many = `${one}s`): string {
	return `${count(value)} ${value === 1 ? one : many}`;
}

/** The first twelve digits of an id, without `sha256:`. */
export function shortId(id: string): string {
	return id.replace(/^sha256:/, "").slice(0, 12);
}
