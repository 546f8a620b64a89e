import { remember, remembered } from "./remembered";

export type DensityChoice = "comfortable" | "compact";

/** Row height of a list, in pixels; `--row` in tokens.css must match. */
const rowHeights: Record<DensityChoice, number> = { comfortable: 40, compact: 32 };

/** The density of lists. Stored by the page. */
class Density {
	choice: DensityChoice = $state(
		remembered<string>("density", "comfortable") === "compact" ? "compact" : "comfortable",
	);
	/** Height of a one-line row, in pixels, for virtual lists. */
	rowHeight = $derived(rowHeights[this.choice]);

	constructor() {
		this.#apply();
	}

	choose(choice: DensityChoice) {
		this.choice = choice;
		remember("density", choice);
		this.#apply();
	}

	#apply() {
		document.documentElement.dataset.density = this.choice;
	}
}

export const density = new Density();
