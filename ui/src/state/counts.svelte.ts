/** How many there are of what the navigation lists. Each feature keeps its own number up to date; null is not known yet. */
class Counts {
	containers: number | null = $state(null);
	running: number | null = $state(null);
	images: number | null = $state(null);
}

export const counts = new Counts();
