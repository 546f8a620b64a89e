/** The numbers beside the navigation's entries. Each feature updates its own; null is unknown. */
class Counts {
	containers: number | null = $state(null);
	running: number | null = $state(null);
	images: number | null = $state(null);
}

export const counts = new Counts();
