/** What screen readers are told politely. The shell has the live region that shows it. */
class Announcer {
	text = $state("");
}

export const announcer = new Announcer();

/** Says `text` to screen readers, also when it is the same as last time. */
export function announce(text: string) {
	announcer.text = announcer.text === text ? `${text}\u00a0` : text;
}
