import type { LogQuery, LogSpan } from "../../host/host";

/** A part of a line, by UTF-16 position: from `start` to before `end`. */
export interface Range {
	start: number;
	end: number;
}

/** Limit of marks in one line, so that a pathological pattern does not create thousands of elements. */
const MOST_MARKS = 100;

/**
 * Finds the matches of a query in a line on screen. The backend decides which lines match; this only finds
 * the positions. Null if the regular expression is invalid in JavaScript: then whole lines are marked.
 */
export function marker(query: LogQuery): ((text: string) => Range[]) | null {
	if (query.text === "") return null;
	const source = query.regex ? query.text : query.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
	let pattern: RegExp;
	try {
		pattern = new RegExp(source, query.match_case ? "gu" : "giu");
	} catch {
		return null;
	}
	return (text) => {
		const ranges: Range[] = [];
		for (const match of text.matchAll(pattern)) {
			if (match[0] === "") continue;
			ranges.push({ start: match.index, end: match.index + match[0].length });
			if (ranges.length === MOST_MARKS) break;
		}
		return ranges;
	};
}

/** A run of text in one style that is either marked or not. */
export interface Piece {
	span: LogSpan;
	text: string;
	marked: boolean;
}

/** Splits the spans of a line at the edges of the matches. */
export function pieces(spans: readonly LogSpan[], ranges: readonly Range[]): Piece[] {
	if (ranges.length === 0) return spans.map((span) => ({ span, text: span.text, marked: false }));
	const found: Piece[] = [];
	let at = 0;
	let next = 0;
	for (const span of spans) {
		const end = at + span.text.length;
		let from = at;
		while (from < end) {
			while (next < ranges.length && ranges[next]!.end <= from) next += 1;
			const range = ranges[next];
			const marked = range !== undefined && range.start <= from;
			const to = Math.min(end, range === undefined ? end : marked ? range.end : range.start);
			found.push({ span, text: span.text.slice(from - at, to - at), marked });
			from = to;
		}
		at = end;
	}
	return found;
}
