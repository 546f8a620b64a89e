/**
 * The lines of a list that is worked with the keyboard: one of them has it, and some can be ticked. A list adds what
 * its lines are.
 */
export abstract class Lines<Line extends { key: string }> {
	/** Keys that are ticked. May hold some that are gone or filtered out. */
	ticked: ReadonlySet<string> = $state.raw(new Set());
	/** Key of the line that has the keyboard. */
	cursor: string | null = $state(null);
	/** Where a range begins that Shift extends. */
	#anchor: string | null = null;

	/** All lines, in their order. */
	abstract readonly items: readonly Line[];
	/** Place of each line, by key. */
	places: ReadonlyMap<string, number> = $derived.by(
		() => new Map(this.items.map(({ key }, place) => [key, place])),
	);

	/** Whether a line can be ticked: not if it is there for the lines below it. */
	protected abstract tickable(line: Line): boolean;

	/** Ticks a line or takes its tick away; with `range`, everything between it and the one before. */
	toggle(key: string, range = false) {
		const next = new Set(this.ticked);
		const from = this.#anchor === null ? undefined : this.places.get(this.#anchor);
		const to = this.places.get(key);
		if (range && from !== undefined && to !== undefined) {
			for (const line of this.items.slice(Math.min(from, to), Math.max(from, to) + 1)) {
				if (this.tickable(line)) next.add(line.key);
			}
		} else {
			if (!next.delete(key)) next.add(key);
			this.#anchor = key;
		}
		this.ticked = next;
	}

	/** Ticks all of these, or none when all are ticked. */
	toggleAll(keys: readonly string[] = this.allKeys()) {
		const next = new Set(this.ticked);
		const all = keys.every((key) => next.has(key));
		for (const key of keys) {
			if (all) next.delete(key);
			else next.add(key);
		}
		this.ticked = next;
	}

	/** What is ticked when everything is, also of groups that are closed. */
	protected abstract allKeys(): readonly string[];

	/** Ticks everything that the filter lets through. */
	selectAll() {
		this.ticked = new Set(this.allKeys());
	}

	clearSelection() {
		this.ticked = new Set();
		this.#anchor = null;
	}

	/** Puts the cursor on a line. Returns the place it is at now, or -1 in an empty list. */
	moveTo(place: number): number {
		const bounded = Math.max(0, Math.min(place, this.items.length - 1));
		this.cursor = this.items[bounded]?.key ?? null;
		return this.cursor === null ? -1 : bounded;
	}
}
