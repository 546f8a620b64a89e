const two = (value: number) => String(value).padStart(2, "0");

/**
 * When a line was written, in local time to the millisecond: `14:03:22.123`, with the day in front when it is
 * not `now`'s.
 */
export function stamp(at: string, now: Date = new Date()): string {
	// Not every web view can parse nanoseconds.
	const time = new Date(at.replace(/(\.\d{3})\d+/, "$1"));
	if (Number.isNaN(time.getTime())) return "";
	const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
	return time.toDateString() === now.toDateString()
		? clock
		: `${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}
