/**
 * Keyboard and selection state of a list's lines: one has the cursor, and some can be ticked. Subclasses
 * define the lines.
 */
export abstract class Lines<Line extends { key: string }> {
	/** Keys that are ticked. May contain some that no longer exist or are filtered out. */
	ticked: ReadonlySet<string> = $state.raw(new Set());
	/** Key of the line with the cursor. */
	cursor: string | null = $state(null);
	/** Anchor of a range selection with Shift. */
	#anchor: string | null = null;

	/** All lines, in their order. */
	abstract readonly items: readonly Line[];
	/** Index of each line, by key. */
	places: ReadonlyMap<string, number> = $derived.by(
		() => new Map(this.items.map(({ key }, place) => [key, place])),
	);

	/** Whether a line can be ticked: headings cannot. */
	protected abstract tickable(line: Line): boolean;

	/** Toggles a line's tick; with `range`, ticks everything between it and the anchor. */
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

	/** Ticks all of these, or unticks them if all are ticked. */
	toggleAll(keys: readonly string[] = this.allKeys()) {
		const next = new Set(this.ticked);
		const all = keys.every((key) => next.has(key));
		for (const key of keys) {
			if (all) next.delete(key);
			else next.add(key);
		}
		this.ticked = next;
	}

	/** The keys that "tick all" ticks, including those in collapsed groups. */
	protected abstract allKeys(): readonly string[];

	/** Ticks everything that the filter matches. */
	selectAll() {
		this.ticked = new Set(this.allKeys());
	}

	/** Unticks lines that no longer exist. */
	prune(known: (key: string) => boolean) {
		const left = [...this.ticked].filter(known);
		if (left.length < this.ticked.size) this.ticked = new Set(left);
	}

	clearSelection() {
		this.ticked = new Set();
		this.#anchor = null;
	}

	/** Puts the cursor on a line. Returns its index, or -1 in an empty list. */
	moveTo(place: number): number {
		const bounded = Math.max(0, Math.min(place, this.items.length - 1));
		this.cursor = this.items[bounded]?.key ?? null;
		return this.cursor === null ? -1 : bounded;
	}
}
