import { host } from "../host/host";
import { announce } from "./announcer.svelte";
import { remember, remembered } from "./remembered";

/** Percent. Every step can be chosen, and nothing between them. */
export const steps = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300] as const;
/** So much of the wheel is one step. A wheel's notch is 100 or 120; a touch pad sends many small ones. */
const NOTCH = 80;

/** How large the page is shown. A setting of the page alone; the backend has the web view do it. */
class Zoom {
	/** Percent. */
	level: number = $state(nearest(remembered<number>("zoom", 100)));
	#turned = 0;

	/** Shows the page as large as it was the last time. */
	async start() {
		if (this.level !== 100) await this.#apply();
	}

	async set(level: number) {
		const next = nearest(level);
		if (next === this.level) return;
		this.level = next;
		remember("zoom", next);
		announce(`Zoom ${next} %`);
		await this.#apply();
	}

	/** The next larger step, or the next smaller one. */
	step(by: 1 | -1): Promise<void> {
		const at = (steps as readonly number[]).indexOf(this.level) + by;
		return this.set(steps[Math.min(Math.max(at, 0), steps.length - 1)] ?? 100);
	}

	/** `delta` is how far the wheel was turned: towards the user is smaller. */
	wheel(delta: number): Promise<void> {
		if (Math.sign(delta) !== Math.sign(this.#turned)) this.#turned = 0;
		this.#turned += delta;
		if (Math.abs(this.#turned) < NOTCH) return Promise.resolve();
		const by = this.#turned > 0 ? -1 : 1;
		this.#turned = 0;
		return this.step(by);
	}

	async #apply() {
		await host.windowZoom(this.level);
	}
}

/** What is remembered may be anything. */
function nearest(level: number): number {
	if (!Number.isFinite(level)) return 100;
	return steps.reduce<number>(
		(best, step) => (Math.abs(step - level) < Math.abs(best - level) ? step : best),
		100,
	);
}

export const zoom = new Zoom();
