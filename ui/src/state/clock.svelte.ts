import { createSubscriber } from "svelte/reactivity";

const visible = () => document.visibilityState === "visible";

/** How late an age in minutes may be. */
const COARSE = 10_000;

/** Younger ages are told in seconds. */
const MINUTE = 60_000;

/**
 * The time for "3 minutes ago". It stops while the window is hidden, and ticks every second only while an age
 * in seconds is shown.
 */
export class Clock {
	/** Precise enough for ages from a minute up. */
	now = $state(Date.now());

	/** The time of the last tick in seconds, which all ages below a minute share. */
	#second = this.now;
	#ticks = false;
	/** Runs only while an effect reads an age below a minute. */
	readonly #everySecond = createSubscriber((update) => {
		this.#ticks = true;
		const timer = setInterval(() => {
			if (!visible()) return;
			this.#second = Date.now();
			update();
		}, 1_000);
		return () => {
			this.#ticks = false;
			clearInterval(timer);
		};
	});

	constructor() {
		const tick = () => {
			if (visible()) this.now = this.#second = Date.now();
		};
		setInterval(tick, COARSE);
		document.addEventListener("visibilitychange", tick);
	}

	/**
	 * The time, for formatting an age since the given time (RFC 3339). Updates as often as that text changes. It is
	 * the time of the last tick, so that everything that shows the same age shows the same text.
	 */
	since(began: string | null): number {
		const start = began === null ? Number.NaN : Date.parse(began);
		if (!this.#ticks) this.#second = Date.now();
		if (!(this.#second - start < MINUTE))
			return Number.isNaN(start) ? this.now : Math.max(this.now, start + MINUTE);
		void this.now;
		this.#everySecond();
		return this.#second;
	}
}

export const clock = new Clock();
