import type { CatalogEntry, EngineView } from "../../host/host";

/** Letters that fit on one line of the narrowest card. */
const room = 34;

/** What is worth knowing of an entry before it is run, most important first, as much as fits on one line. */
export function traits(entry: CatalogEntry): string[] {
	const all: string[] = [];
	if (entry.ports.some((port) => port.web_path !== null)) all.push("web page");
	const [port] = entry.ports;
	if (port) all.push(`port ${port.port}`);
	if (entry.env.some((variable) => variable.secret && variable.generated)) all.push("password generated");
	if (entry.volumes.length) all.push("keeps data");
	// A need is shown before these, and takes its part of the line.
	let used = entry.needs.join(", ").length;
	return all.filter((text) => {
		used += text.length + 3;
		return used <= room;
	});
}

/** Which architectures an entry is limited to, where the engine's is not among them. Null where it fits or is not known. */
export function misfit(entry: CatalogEntry, engine: EngineView | null): string | null {
	if (!engine || !entry.architectures.length || entry.architectures.includes(engine.arch)) return null;
	return `${entry.architectures.join(", ")} only`;
}
