import type { CatalogEntry, EngineView } from "../../host/host";

export interface Trait {
	text: string;
	kind: "dim" | "warn";
	title: string;
}

/** What is worth knowing of an entry before it is run, as few small badges as say it. */
export function traits(entry: CatalogEntry): Trait[] {
	const all: Trait[] = [];
	const dim = (text: string, title: string) => all.push({ text, title, kind: "dim" });
	const page = entry.ports.find((port) => port.web_path !== null);
	if (page) dim("web", "Opens in the browser");
	for (const port of entry.ports.slice(0, 1))
		dim(`:${port.port}`, port.purpose ?? `Listens on ${port.port}/${port.protocol}`);
	if (entry.env.some((variable) => variable.secret && variable.generated)) {
		dim("password generated", "Slipway makes up a password and shows it");
	}
	if (entry.volumes.length && all.length < 3 && !entry.needs.length)
		dim("keeps data", entry.volumes.map((volume) => volume.holds).join(", "));
	for (const needed of entry.needs)
		all.push({ text: `needs ${needed}`, title: `Wants ${needed} beside it`, kind: "warn" });
	return all;
}

export type Fit = { text: string; kind: "ok" | "warn" } | null;

/** Whether an entry exists for the engine's architecture. Nothing is said while there is no engine. */
export function fit(entry: CatalogEntry, engine: EngineView | null): Fit {
	if (!engine || !entry.architectures.length) return null;
	if (entry.architectures.includes(engine.arch)) return { text: "runs here", kind: "ok" };
	return { text: `${entry.architectures.join(", ")} only`, kind: "warn" };
}
