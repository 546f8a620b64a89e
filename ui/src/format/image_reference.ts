/** An image reference as lists show it: digests are cut to twelve digits. */
export function shownReference(reference: string): string {
	return reference.replace(
		/(^|@)sha256:([0-9a-f]{12})[0-9a-f]{52}$/,
		(_, at: string, digits: string) => at + digits,
	);
}
