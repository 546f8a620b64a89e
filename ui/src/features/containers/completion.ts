import type { ContainerView } from "../../host/host";
import { FILTER_KEYS, type FilterKey, KEY_WORDS, KNOWN_VALUES } from "./filter";

/** A suggestion for the word at the caret. */
export interface Completion {
	/** The replacement: `state:` or `state:running`. */
	text: string;
	/** What the key matches, or the number of containers that the value matches. */
	detail: string;
	/** Whether a value follows. */
	open: boolean;
}

const MOST = 8;

function wordAt(text: string, caret: number): { start: number; end: number } {
	let start = 0;
	let quoted = false;
	for (let at = 0; at < caret; at += 1) {
		if (text[at] === '"') quoted = !quoted;
		else if (!quoted && /\s/.test(text[at] ?? "")) start = at + 1;
	}
	let end = caret;
	while (end < text.length && (quoted || !/\s/.test(text[end] ?? ""))) {
		if (text[end] === '"') quoted = !quoted;
		end += 1;
	}
	return { start, end };
}

function valuesOf(key: FilterKey, containers: readonly ContainerView[]): Map<string, number> {
	const found = new Map<string, number>();
	const add = (value: string) => found.set(value, (found.get(value) ?? 0) + 1);
	for (const container of containers) {
		if (key === "state") add(container.state);
		else if (key === "health") add(container.health ?? "none");
		else if (key === "image") add(container.image.toLowerCase());
		else if (key === "stack") add(container.stack?.toLowerCase() ?? "none");
		else if (key === "name") add(container.name.toLowerCase());
		else if (key === "port") {
			for (const port of new Set(container.ports.map(({ host_port }) => host_port))) {
				if (port !== null) add(String(port));
			}
		}
	}
	for (const value of KNOWN_VALUES[key] ?? []) if (key === "health" && !found.has(value)) found.set(value, 0);
	return found;
}

const quote = (value: string) => (/\s/.test(value) ? `"${value}"` : value);

/** Suggestions for the word at the caret: keys, and after a key's colon the values that containers have. */
export function completions(text: string, caret: number, containers: readonly ContainerView[]): Completion[] {
	const { start } = wordAt(text, caret);
	const typed = text.slice(start, caret).toLowerCase();
	const not = typed.startsWith("-") ? "-" : "";
	const body = typed.slice(not.length);
	const colon = body.indexOf(":");
	if (colon < 0) {
		return FILTER_KEYS.filter((key) => key.startsWith(body)).map((key) => ({
			text: `${not}${key}:`,
			detail: KEY_WORDS[key],
			open: true,
		}));
	}
	const key = FILTER_KEYS.find((known) => known === body.slice(0, colon));
	if (!key) return [];
	const done = body.slice(0, body.lastIndexOf(",") + 1) || body.slice(0, colon + 1);
	const given = new Set(done.slice(colon + 1).split(","));
	const part = body.slice(done.length).replaceAll('"', "");
	return [...valuesOf(key, containers)]
		.filter(([value]) => value.startsWith(part) || (part.length > 1 && value.includes(part)))
		.filter(([value]) => value !== part && !given.has(value))
		.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
		.slice(0, MOST)
		.map(([value, many]) => ({ text: `${not}${done}${quote(value)}`, detail: String(many), open: false }));
}

/** The text with the word at the caret replaced, and the new position of the caret. */
export function complete(
	text: string,
	caret: number,
	{ text: word, open }: Completion,
): { text: string; caret: number } {
	const { start, end } = wordAt(text, caret);
	const after = text.slice(end).trimStart();
	const before = text.slice(0, start) + word + (open ? "" : " ");
	return { text: before + (open && after !== "" ? ` ${after}` : after), caret: before.length };
}
