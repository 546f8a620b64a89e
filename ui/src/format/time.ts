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

/** How long ago, in one unit: "now", "5 min ago", "yesterday", "3 months ago". */
export function ago(at: string | number, now: number = Date.now()): string {
	const time = typeof at === "number" ? at : Date.parse(at);
	if (Number.isNaN(time)) return "";
	const past = now - time;
	if (past < minute) return "now";
	if (past < hour) return `${Math.floor(past / minute)} min ago`;
	if (past < day) return `${Math.floor(past / hour)} h ago`;
	const days = Math.floor(past / day);
	if (days === 1) return "yesterday";
	if (days < 31) return `${days} days ago`;
	if (days < 365) return days < 61 ? "a month ago" : `${Math.floor(days / 30.44)} months ago`;
	return days < 730 ? "a year ago" : `${Math.floor(days / 365.25)} years ago`;
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
