/**
 * How a text matches, from best to worst. Each kind is a band of points, so a better kind always wins; within
 * a band, an earlier and shorter match is better.
 */
const WORD_PREFIX = 4_000;
const INSIDE_A_WORD = 3_000;
/** The query is made of the first letters of consecutive words: `gtb` for "Go to Browse", `sweb` for "Stop web". */
const INITIALS = 2_000;
/** The letters occur in this order, anywhere. */
const SCATTERED = 1_000;
const BAND = 900;

/** How well `text` matches `query`: higher is better, null is no match. */
export function score(query: string, text: string): number | null {
	const wanted = query.toLowerCase().trim();
	const given = text.toLowerCase();
	if (wanted === "") return 0;
	const [band, at] = place(wanted, given) ?? [];
	return band === undefined || at === undefined ? null : band - Math.min(at + given.length / 100, BAND);
}

/** The best band, and where the match starts. */
function place(wanted: string, given: string): [number, number] | null {
	const words = wanted.split(/\s+/);
	const starts = words.map((word) => prefixAt(word, given));
	if (starts.every((at) => at >= 0)) return [WORD_PREFIX, starts[0]!];
	const insides = words.map((word) => given.indexOf(word));
	if (insides.every((at) => at >= 0)) return [INSIDE_A_WORD, insides[0]!];
	const letters = words.join("");
	const initials = initialsAt(letters, given);
	if (initials >= 0) return [INITIALS, initials];
	const scattered = scatteredAt(letters, given);
	return scattered >= 0 ? [SCATTERED, scattered] : null;
}

function startsWord(text: string, at: number): boolean {
	return at === 0 || /[\s\-_/:.“"(]/.test(text[at - 1] ?? "");
}

/** Where a word of the text starts with `word`, or -1. */
function prefixAt(word: string, text: string): number {
	let at = text.indexOf(word);
	while (at >= 0 && !startsWord(text, at)) at = text.indexOf(word, at + 1);
	return at;
}

/** Where the first of the words starts whose first letters, one or more of each, spell `letters`; or -1. */
function initialsAt(letters: string, text: string): number {
	const starts = [...text].flatMap((_, at) => (startsWord(text, at) && text[at] !== " " ? [at] : []));
	const spells = (left: string, from: number): boolean => {
		if (left === "") return true;
		const start = starts[from];
		if (start === undefined) return false;
		let same = 0;
		while (
			same < left.length &&
			left[same] === text[start + same] &&
			start + same < (starts[from + 1] ?? text.length)
		)
			same += 1;
		for (; same > 0; same -= 1) if (spells(left.slice(same), from + 1)) return true;
		return false;
	};
	return starts.find((_, from) => spells(letters, from)) ?? -1;
}

/** How far apart the letters are, if they occur in this order; or -1. */
function scatteredAt(letters: string, text: string): number {
	let from = 0;
	let gaps = 0;
	for (const letter of letters) {
		const at = text.indexOf(letter, from);
		if (at < 0) return -1;
		gaps += at - from;
		from = at + 1;
	}
	return gaps;
}

interface Searched {
	title: string;
	keywords?: string;
	hint?: string;
}

/** Whether a word of the text starts with each word of the query. */
export function startsWords(query: string, text: string): boolean {
	return (score(query, text) ?? 0) > INSIDE_A_WORD;
}

/** Whether an entry matches by more than scattered letters. */
export function isClear(query: string, entry: Searched): boolean {
	return (score(query, allOf(entry)) ?? 0) > SCATTERED;
}

const allOf = ({ title, keywords, hint }: Searched) => `${title} ${keywords ?? ""} ${hint ?? ""}`;

/**
 * The entries that match, best first. Keywords and hints count only for whole words and their parts, and less
 * than the title. Scattered letters match nearly every long title, so they count only if nothing else does.
 */
export function search<Entry extends Searched>(query: string, entries: readonly Entry[]): Entry[] {
	const scored = entries.flatMap((entry) => {
		const title = score(query, entry.title) ?? -1;
		const all = score(query, allOf(entry)) ?? -1;
		const points = Math.max(title, all > INITIALS ? all / 2 : -1);
		return points < 0 ? [] : [{ entry, points }];
	});
	const better = scored.filter(({ points }) => points > SCATTERED);
	return (better.length > 0 ? better : scored).sort((a, b) => b.points - a.points).map(({ entry }) => entry);
}
