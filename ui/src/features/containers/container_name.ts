const longest = 128;
const valid = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * Why a container cannot have a name, in the words of the run sheet; null if it can. An empty name is no problem
 * here: nothing is renamed then.
 */
export function nameProblem(name: string, others: ReadonlySet<string>): string | null {
	if (name === "") return null;
	if (others.has(name))
		return `Another container is named \`${name}\`. \`${freeName(name, others)}\` is free`;
	if (name.length > longest) return `A name has at most ${longest} characters. Shorten it`;
	if (valid.test(name)) return null;
	const better = name
		.replace(/[^a-zA-Z0-9_.-]/gu, "-")
		.replace(/^[^a-zA-Z0-9]+/, "")
		.replace(/-+$/, "");
	const hint =
		better.length >= 2
			? `For example \`${better}\``
			: "Use at least two of letters, digits, `_`, `.` and `-`, starting with a letter or digit";
	return `\`${name}\` is not a valid container name. ${hint}`;
}

function freeName(name: string, others: ReadonlySet<string>): string {
	let number = 2;
	while (others.has(`${name}-${number}`)) number += 1;
	return `${name}-${number}`;
}
