import type { CatalogEntry, EngineView } from "../../host/host";

export interface Trait {
	text: string;
	kind: "dim" | "warn";
	title: string;
}

/** Letters that fit on one line of a card, counting each badge's padding. */
const room = 36;

/** What is worth knowing of an entry before it is run, most important first, as many small badges as fit. */
export function traits(entry: CatalogEntry): Trait[] {
	const all: Trait[] = [];
	const dim = (text: string, title: string) => all.push({ text, title, kind: "dim" });
	for (const needed of entry.needs) {
		all.push({ text: `needs ${needed}`, title: `Wants ${needed} beside it`, kind: "warn" });
	}
	if (entry.ports.some((port) => port.web_path !== null)) dim("web", "Opens in the browser");
	const [port] = entry.ports;
	if (port) dim(`:${port.port}`, port.purpose ?? `Listens on ${port.port}/${port.protocol}`);
	if (entry.env.some((variable) => variable.secret && variable.generated)) {
		dim("password generated", "Slipway makes up a password and shows it");
	}
	if (entry.volumes.length) dim("keeps data", entry.volumes.map((volume) => volume.holds).join(", "));
	let used = 0;
	return all.filter(({ text }) => {
		used += text.length + 3;
		return used <= room;
	});
}

export type Fit = { text: string; kind: "ok" | "warn" } | null;

/** Whether an entry exists for the engine's architecture. Nothing is said while there is no engine. */
export function fit(entry: CatalogEntry, engine: EngineView | null): Fit {
	if (!engine || !entry.architectures.length) return null;
	if (entry.architectures.includes(engine.arch)) return { text: "runs here", kind: "ok" };
	return { text: `${entry.architectures.join(", ")} only`, kind: "warn" };
}
