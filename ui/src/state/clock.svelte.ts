import { createSubscriber } from "svelte/reactivity";

const visible = () => document.visibilityState === "visible";

/** How late an age in minutes may be. */
const COARSE = 10_000;

/**
 * The time for "3 minutes ago". It stops while the window is hidden, and ticks every second only while an age
 * in seconds is shown.
 */
export class Clock {
	/** Precise enough for ages from a minute up. */
	now = $state(Date.now());

	/** Runs only while an effect reads an age below a minute. */
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

	/**
	 * The time, for formatting an age since the given time (RFC 3339). Updates as often as that text changes.
	 */
	since(began: string | null): number {
		const now = Date.now();
		const age = began === null ? Number.NaN : now - Date.parse(began);
		void this.now;
		if (age < 60_000) this.#everySecond();
		return now;
	}
}

export const clock = new Clock();
