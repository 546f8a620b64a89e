/** The text of the polite live region, which the shell renders. */
class Announcer {
	text = $state("");
}

export const announcer = new Announcer();

/** Announces `text` to screen readers, even if it is the same as before. */
export function announce(text: string) {
	announcer.text = announcer.text === text ? `${text}\u00a0` : text;
}
