import type { Screen } from "./navigation.svelte";

let marked = false;
const waiting: (() => void)[] = [];

/** A screen shows its content and takes input. The first call is where start-up ends: measurements read it. */
export function markReady(screen: Screen) {
	// After the next frame, when what was rendered is on the screen.
	requestAnimationFrame(() => {
		document.documentElement.dataset.ready = screen;
		if (marked) return;
		marked = true;
		performance.mark("slipway-ready", { detail: screen });
		for (const task of waiting.splice(0)) setTimeout(task);
	});
}

/** Does what the first screen need not wait for. */
export function whenReady(task: () => void) {
	if (marked) setTimeout(task);
	else waiting.push(task);
}
