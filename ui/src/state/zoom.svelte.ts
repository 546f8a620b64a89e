import { host } from "../host/host";
import { announce } from "./announcer.svelte";
import { remember, remembered } from "./remembered";

/** The zoom levels, in percent. */
export const steps = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300] as const;
/** Wheel distance of one step. A wheel's notch is 100 or 120; a touch pad sends many small ones. */
const NOTCH = 80;

/** The zoom of the page. Stored by the page; the backend applies it to the web view. */
class Zoom {
	/** Percent. */
	level: number = $state(nearest(remembered<number>("zoom", 100)));
	#turned = 0;

	/** Restores the last zoom. */
	async start() {
		if (this.level !== 100) await this.#apply();
	}

	async set(level: number) {
		const next = nearest(level);
		if (next === this.level) return;
		this.level = next;
		remember("zoom", next);
		announce(`Zoom ${next}%`);
		await this.#apply();
	}

	/** The next larger or smaller step. */
	step(by: 1 | -1): Promise<void> {
		const at = (steps as readonly number[]).indexOf(this.level) + by;
		return this.set(steps[Math.min(Math.max(at, 0), steps.length - 1)] ?? 100);
	}

	/** `delta` is the wheel's movement: positive is smaller. */
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

/** The stored value may be invalid. */
function nearest(level: number): number {
	if (!Number.isFinite(level)) return 100;
	return steps.reduce<number>(
		(best, step) => (Math.abs(step - level) < Math.abs(best - level) ? step : best),
		100,
	);
}

export const zoom = new Zoom();
