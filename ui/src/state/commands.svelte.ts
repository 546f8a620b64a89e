import type { Component } from "svelte";

/** Something that can be done from the palette. */
export interface Command {
	/** Unique and stable: the list of recent commands stores it. */
	id: string;
	/** What it does: "Stop web", "Go to Images". */
	title: string;
	/** Heading it is listed under: "Go to", "Containers", "Images", "Engine", "Appearance". */
	group: string;
	/** Further search words. */
	keywords?: string;
	/** Shown at the end of the row: an image, a state. */
	hint?: string;
	/** Keys that do the same, for example `["G", "C"]`. */
	keys?: string[];
	icon?: Component<{ size?: number | string }>;
	run: () => void;
}

type Source = () => Command[];

/** Sources of commands. They are called each time the palette opens, so a list may be long or change. */
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
