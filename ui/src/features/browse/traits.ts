import type { CatalogEntry, EngineView } from "../../host/host";

/** Number of letters that fit on one line of the narrowest card. */
const room = 34;

/** Traits of an entry worth knowing before it is run, most important first, as many as fit on one line. */
export function traits(entry: CatalogEntry): string[] {
	const all: string[] = [];
	if (entry.ports.some((port) => port.web_path !== null)) all.push("web page");
	const [port] = entry.ports;
	if (port) all.push(`port ${port.port}`);
	if (entry.env.some((variable) => variable.secret && variable.generated)) all.push("password generated");
	if (entry.volumes.length) all.push("keeps data");
	// A needed service comes before these, and uses part of the line.
	let used = entry.needs.join(", ").length;
	return all.filter((text) => {
		used += text.length + 3;
		return used <= room;
	});
}

/**
 * The architectures that an entry is limited to, if the engine's is not among them. Null if it fits or is
 * unknown.
 */
export function misfit(entry: CatalogEntry, engine: EngineView | null): string | null {
	if (!engine || !entry.architectures.length || entry.architectures.includes(engine.arch)) return null;
	return `${entry.architectures.join(", ")} only`;
}
