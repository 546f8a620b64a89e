const window = 3000;

/** Bytes per second over the last three seconds. */
export class Rate {
	#samples: { at: number; total: number }[] = [];

	/** Takes the running total and returns the rate per second; null while there are too few samples. */
	add(total: number, at: number): number | null {
		this.#samples.push({ at, total });
		while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > window) this.#samples.shift();
		const first = this.#samples[0];
		if (!first || at - first.at < 300) return null;
		return Math.max(0, ((total - first.total) * 1000) / (at - first.at));
	}
}
