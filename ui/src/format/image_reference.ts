/** An image reference as lists show it: digests are cut to twelve digits. */
export function shownReference(reference: string): string {
	return reference.replace(
		/(^|@)sha256:([0-9a-f]{12})[0-9a-f]{52}$/,
		(_, at: string, digits: string) => at + digits,
	);
}

/**
 * Shortens a reference to a number of characters: the start, with the registry, is cut off, as in
 * `…/org/app:1`. The last component stays whole.
 */
export function shortReference(reference: string, characters: number): string {
	let text = shownReference(reference);
	let slash = text.indexOf("/");
	while (text.length > characters && slash >= 0) {
		const rest = text.slice(slash + 1);
		text = `…/${rest}`;
		slash = rest.includes("/") ? rest.indexOf("/") + 2 : -1;
	}
	return text;
}
