/** The text of the polite live region, which the shell renders. */
class Announcer {
	text = $state("");
}

export const announcer = new Announcer();

/** Announces a text to screen readers, even if it is the same as before. Backquotes around names are not read. */
export function announce(words: string) {
	const text = words.replaceAll("`", "");
	announcer.text = announcer.text === text ? `${text}\u00a0` : text;
}
