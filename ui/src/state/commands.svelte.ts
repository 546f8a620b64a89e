import type { Component } from "svelte";

/** Something that can be done from the palette. */
export interface Command {
	/** Unique and stable: it is what the list of recent commands remembers. */
	id: string;
	/** What it does: "Stop web", "Go to Images". */
	title: string;
	/** Heading it is listed under: "Go to", "Containers", "Images", "Engine", "Appearance". */
	group: string;
	/** Further words by which it is found. */
	keywords?: string;
	/** Shown at the end of the row: an image, a state. */
	hint?: string;
	/** Keys that do the same, for example `["G", "C"]`. */
	keys?: string[];
	icon?: Component<{ size?: number | string }>;
	run: () => void;
}

type Source = () => Command[];

/** Who offers commands. Sources are asked each time the palette opens, so a list may be long or change. */
class Commands {
	#sources = new Set<Source>();
	paletteOpen = $state(false);

	/** Adds a source; the returned function takes it away. */
	provide(source: Source): () => void {
		this.#sources.add(source);
		return () => this.#sources.delete(source);
	}

	list(): Command[] {
		return [...this.#sources].flatMap((source) => source());
	}
}

export const commands = new Commands();
