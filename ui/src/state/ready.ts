import type { Screen } from "./navigation.svelte";

let marked = false;
const waiting: (() => void)[] = [];

/**
 * A screen shows its content and is interactive. The first call marks the end of start-up for measurements.
 */
export function markReady(screen: Screen) {
	// After the next frame, when the rendered content is on the screen.
	requestAnimationFrame(() => {
		document.documentElement.dataset.ready = screen;
		if (marked) return;
		marked = true;
		performance.mark("slipway-ready", { detail: screen });
		for (const task of waiting.splice(0)) setTimeout(task);
	});
}

/** Runs work that the first screen does not need. */
export function whenReady(task: () => void) {
	if (marked) setTimeout(task);
	else waiting.push(task);
}
