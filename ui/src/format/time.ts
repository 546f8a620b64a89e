import { plural } from "./numbers";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** How long something took or takes: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(ms: number): string {
	if (ms < 9_950) return `${(Math.round(Math.max(ms, 0) / 100) / 10).toFixed(1)} s`;
	const seconds = Math.round(ms / second);
	if (seconds < 60) return `${seconds} s`;
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
	return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/**
 * An age in one unit: "36 s", "5 min", "2 h", "1 day", "3 months". Null in the first ten seconds, which are worded
 * as "just now" or "just started". Everything that shows an age uses this, so that two ages of the same moment agree.
 */
export function age(ms: number): string | null {
	if (ms < 10 * second) return null;
	if (ms < minute) return `${Math.floor(ms / second)} s`;
	if (ms < hour) return `${Math.floor(ms / minute)} min`;
	if (ms < day) return `${Math.floor(ms / hour)} h`;
	const days = Math.floor(ms / day);
	if (days < 31) return plural(days, "day");
	return days < 365
		? plural(Math.floor(days / 30.44), "month")
		: plural(Math.floor(days / 365.25) || 1, "year");
}

/** How long ago, in one unit: "just now", "5 min ago", "3 months ago". */
export function ago(at: string | number, now: number = Date.now()): string {
	const time = typeof at === "number" ? at : Date.parse(at);
	if (Number.isNaN(time)) return "";
	const past = age(now - time);
	return past === null ? "just now" : `${past} ago`;
}

const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** The moment in full, for tooltips: "10 Mar 2026, 14:03:22". */
export function moment(at: string | number): string {
	const date = new Date(at);
	return Number.isNaN(date.getTime()) ? "" : full.format(date);
}

/** The time of day: "14:03". */
export function timeOfDay(at: string | number): string {
	const date = new Date(at);
	return Number.isNaN(date.getTime()) ? "" : clock.format(date);
}
