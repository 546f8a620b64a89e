import type { ContainerState, ContainerView } from "../../host/host";

/** The keys allowed before a colon in the filter field. */
export const FILTER_KEYS = ["state", "port", "image", "stack", "name", "health", "id"] as const;

/** One of {@link FILTER_KEYS}. */
export type FilterKey = (typeof FILTER_KEYS)[number];

/** `key:a,b`: any of the values matches. `-key:a`: none of them may match. */
export interface FilterTerm {
	key: FilterKey;
	values: string[];
	not: boolean;
}

/** The parsed filter. All words and all terms must match. */
export interface ContainerFilter {
	words: { text: string; not: boolean }[];
	terms: FilterTerm[];
}

/** The meaning of each key, for the help below the field. */
export const KEY_WORDS: Record<FilterKey, string> = {
	state: "running, stopped, exited, paused…",
	port: "start of a host or container port",
	image: "part of the image reference",
	stack: "part of the stack, or none",
	name: "part of the name",
	health: "healthy, unhealthy, starting, none",
	id: "start of the ID",
};

/** Aliases of our keys from other tools. */
const OTHER_NAMES: Record<string, FilterKey> = {
	status: "state",
	is: "state",
	ports: "port",
	expose: "port",
	publish: "port",
	ancestor: "image",
	tag: "image",
	project: "stack",
	compose: "stack",
};

/** Allowed values of `state:` and `health:`. */
export const KNOWN_VALUES: Partial<Record<FilterKey, readonly string[]>> = {
	state: [
		"running",
		"stopped",
		"exited",
		"created",
		"paused",
		"restarting",
		"removing",
		"dead",
		"up",
		"unknown",
	],
	health: ["healthy", "unhealthy", "starting", "none"],
};

const STATE_WORDS: Record<string, ContainerState[]> = {
	up: ["running", "paused", "restarting"],
	stopped: ["exited", "created", "dead"],
	exited: ["exited", "dead"],
};

/** Splits at white space outside double quotes; an unclosed quote ends with the text. */
function tokens(text: string): string[] {
	const found: string[] = [];
	let current = "";
	let quoted = false;
	let started = false;
	for (const character of text) {
		if (character === '"') {
			quoted = !quoted;
			started = true;
		} else if (!quoted && /\s/.test(character)) {
			if (started) found.push(current);
			current = "";
			started = false;
		} else {
			current += character;
			started = true;
		}
	}
	if (started) found.push(current);
	return found;
}

/**
 * Parses free words and `key:value` terms. Text without a known key before its colon is a word, so that
 * `registry.example:5000/app` finds an image; a term without a value is ignored, so that the list does not
 * empty while the user types.
 */
export function parseFilter(text: string): ContainerFilter {
	const filter: ContainerFilter = { words: [], terms: [] };
	for (const token of tokens(text.toLowerCase())) {
		const not = token.length > 1 && token.startsWith("-");
		const body = not ? token.slice(1) : token;
		const colon = body.indexOf(":");
		const key = FILTER_KEYS.find((known) => known === body.slice(0, colon));
		if (colon > 0 && key) {
			const values = body
				.slice(colon + 1)
				.split(",")
				.filter((value) => value !== "");
			if (values.length === 0) continue;
			const same = filter.terms.find((term) => term.key === key && term.not === not);
			if (same) same.values.push(...values);
			else filter.terms.push({ key, values, not });
		} else if (body !== "") {
			filter.words.push({ text: body, not });
		}
	}
	return filter;
}

/** Whether a filter matches everything. */
export function isEmptyFilter(filter: ContainerFilter): boolean {
	return filter.words.length === 0 && filter.terms.length === 0;
}

function matchesState(container: ContainerView, value: string): boolean {
	const known = STATE_WORDS[value];
	return known ? known.includes(container.state) : container.state.startsWith(value);
}

function matchesTerm(container: ContainerView, key: FilterKey, value: string): boolean {
	switch (key) {
		case "state":
			return matchesState(container, value);
		case "health":
			return value === "none" ? container.health === null : (container.health?.startsWith(value) ?? false);
		case "port":
			return container.ports.some(
				({ container_port, host_port }) =>
					String(container_port).startsWith(value) || String(host_port ?? "").startsWith(value),
			);
		case "image":
			return container.image.toLowerCase().includes(value);
		case "name":
			return container.name.toLowerCase().includes(value);
		case "stack":
			return value === "none"
				? container.stack === null
				: (container.stack?.toLowerCase().includes(value) ?? false);
		case "id":
			return container.id.startsWith(value);
	}
}

function matchesWord(container: ContainerView, word: string): boolean {
	return (
		container.name.toLowerCase().includes(word) ||
		container.image.toLowerCase().includes(word) ||
		(container.stack?.toLowerCase().includes(word) ?? false) ||
		(word.length >= 4 && container.id.startsWith(word)) ||
		container.ports.some((port) => String(port.host_port) === word)
	);
}

/** Whether a container matches the filter. */
export function matchesFilter(container: ContainerView, filter: ContainerFilter): boolean {
	return (
		filter.words.every((word) => matchesWord(container, word.text) !== word.not) &&
		filter.terms.every(
			(term) => term.values.some((value) => matchesTerm(container, term.key, value)) !== term.not,
		)
	);
}

function anyOf(words: readonly string[]): string {
	return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * Likely mistakes in a filter: an unknown key, or an impossible value. A word with a colon that is part of a
 * container's name or image is no mistake: `nginx:1.27`.
 */
export function filterProblem(filter: ContainerFilter, all: readonly ContainerView[]): string | null {
	for (const { text } of filter.words) {
		const [, key, value] = /^([a-z][a-z_-]*):(.*)$/.exec(text) ?? [];
		if (key === undefined || value === undefined || all.some((container) => matchesWord(container, text)))
			continue;
		const near =
			OTHER_NAMES[key] ?? FILTER_KEYS.find((known) => known.startsWith(key) || key.startsWith(known));
		if (near) return `There is no filter “${key}:”. Use ${near}:${value}`;
		return `There is no filter “${key}:”. Use ${anyOf(FILTER_KEYS.map((known) => `${known}:`))}`;
	}
	for (const { key, values } of filter.terms) {
		const known = KNOWN_VALUES[key];
		const wrong = known && values.find((value) => !known.some((word) => word.startsWith(value)));
		if (known && wrong !== undefined) return `“${key}:${wrong}” is never true. Use ${anyOf(known)}`;
	}
	return null;
}
