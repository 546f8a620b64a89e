/** An image reference in two parts, so that a narrow column can give up the registry first. */
export interface ShownReference {
	/** `registry.example:5000`; empty for Docker Hub. */
	registry: string;
	/** `/org/app:1`, or `nginx:1.27`; digests are cut to twelve digits. */
	rest: string;
}

/** Splits a reference where its registry ends. */
export function shownReference(reference: string): ShownReference {
	const text = reference.replace(
		/(^|@)sha256:([0-9a-f]{12})[0-9a-f]{52}$/,
		(_, at: string, digits: string) => (at === "@" ? `@${digits}` : digits),
	);
	const slash = text.indexOf("/");
	const first = text.slice(0, Math.max(slash, 0));
	if (first === "localhost" || /[.:]/.test(first)) return { registry: first, rest: text.slice(slash) };
	return { registry: "", rest: text };
}
