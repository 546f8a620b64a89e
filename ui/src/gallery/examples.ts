import type { Component } from "svelte";

const files = import.meta.glob<{ default: Component }>("./examples/**/*.svelte", { eager: true });

export interface Example {
	/** `Button`, or `parts/StateDot` for a part of one screen. */
	name: string;
	Example: Component;
}

/** One example per component, with all of its states. */
export const examples: Example[] = Object.entries(files).map(([path, { default: Example }]) => ({
	name: path.replace("./examples/", "").replace(".svelte", ""),
	Example,
}));
