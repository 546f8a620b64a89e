/** The words of a command line, with quotes and backslashes as a shell has them. Null while a quote is open. */
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
			// Inside double quotes a backslash is itself before most characters.
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

/** A command line that splits into these words. */
export function joinWords(words: string[]): string {
	return words
		.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
		.join(" ");
}
