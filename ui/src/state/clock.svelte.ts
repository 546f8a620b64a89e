import { createSubscriber } from "svelte/reactivity";

const visible = () => document.visibilityState === "visible";

/** How late an age in minutes may be. */
const COARSE = 10_000;

/**
 * The time for "3 minutes ago". It stands still while nobody looks, and moves each second only while something that
 * is counted in seconds is shown.
 */
export class Clock {
	/** Good enough for ages in minutes and more. */
	now = $state(Date.now());

	/** Runs while an effect reads a young age, and not otherwise. */
	readonly #everySecond = createSubscriber((update) => {
		const timer = setInterval(() => {
			if (visible()) update();
		}, 1_000);
		return () => clearInterval(timer);
	});

	constructor() {
		const tick = () => {
			if (visible()) this.now = Date.now();
		};
		setInterval(tick, COARSE);
		document.addEventListener("visibilitychange", tick);
	}

	/** The time, for wording an age that began then (RFC 3339). Moves as often as the words of that age change. */
	since(began: string | null): number {
		const now = Date.now();
		const age = began === null ? Number.NaN : now - Date.parse(began);
		void this.now;
		if (age < 60_000) this.#everySecond();
		return now;
	}
}

export const clock = new Clock();
