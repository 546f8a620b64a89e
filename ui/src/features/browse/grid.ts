/**
 * The target of an arrow key in a grid of cards, given each card's top. -1 leaves the grid upwards; undefined
 * if the key does not move.
 */
export function neighbour(tops: number[], at: number, key: string): number | undefined {
	if (at < 0) return undefined;
	const row = (index: number) => tops.flatMap((top, it) => (top === tops[index] ? [it] : []));
	const own = row(at);
	const column = own.indexOf(at);
	const first = own[0] ?? 0;
	const last = own[own.length - 1] ?? 0;
	switch (key) {
		case "ArrowLeft":
			return Math.max(at - 1, 0);
		case "ArrowRight":
			return Math.min(at + 1, tops.length - 1);
		case "ArrowUp":
			return first === 0 ? -1 : row(first - 1)[column];
		case "ArrowDown": {
			if (last === tops.length - 1) return at;
			const below = row(last + 1);
			return below[Math.min(column, below.length - 1)];
		}
		case "Home":
			return 0;
		case "End":
			return tops.length - 1;
		default:
			return undefined;
	}
}
