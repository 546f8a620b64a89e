/** How well `text` contains the letters of `query` in order: higher is better, null is no match. */
export function score(query: string, text: string): number | null {
	const wanted = query.toLowerCase().replace(/\s+/g, "");
	const given = text.toLowerCase();
	if (wanted === "") return 0;
	const whole = given.indexOf(query.toLowerCase().trim());
	if (whole >= 0) return 1000 - whole - given.length / 100 + (startsWord(given, whole) ? 500 : 0);
	let points = 0;
	let from = 0;
	let run = 0;
	for (const letter of wanted) {
		const at = given.indexOf(letter, from);
		if (at < 0) return null;
		run = at === from && from > 0 ? run + 1 : 0;
		points += 1 + run * 3 + (startsWord(given, at) ? 8 : 0) - Math.min(at - from, 10) / 5;
		from = at + 1;
	}
	return points - given.length / 100;
}

function startsWord(text: string, at: number): boolean {
	return at === 0 || /[\s\-_/:.]/.test(text[at - 1] ?? "");
}
