/**
 * Splits a command line into words, with quotes and backslashes as in a shell. Null while a quote is open.
 */
export function splitWords(line: string): string[] | null {
	const words: string[] = [];
	let word: string | null = null;
	let quote: "'" | '"' | null = null;
	for (let at = 0; at < line.length; at += 1) {
		const char = line[at] ?? "";
		if (quote === "'") {
			if (char === "'") quote = null;
			else word += char;
		} else if (char === "\\" && at + 1 < line.length) {
			at += 1;
			const next = line[at] ?? "";
			// In double quotes a backslash is literal before most characters.
			word = (word ?? "") + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next);
		} else if (quote === '"') {
			if (char === '"') quote = null;
			else word += char;
		} else if (char === "'" || char === '"') {
			quote = char;
			word ??= "";
		} else if (/\s/.test(char)) {
			if (word !== null) words.push(word);
			word = null;
		} else {
			word = (word ?? "") + char;
		}
	}
	if (quote) return null;
	if (word !== null) words.push(word);
	return words;
}

/** Joins words to a command line that splits into the same words. */
export function joinWords(words: string[]): string {
	return words
		.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
		.join(" ");
}
