import { remember, remembered } from "./remembered";

export type DensityChoice = "comfortable" | "compact";

/** Height of a row of a list, in pixels; `--row` in tokens.css says the same. */
const rowHeights: Record<DensityChoice, number> = { comfortable: 40, compact: 32 };

/** How close the rows of lists are. A setting of the page alone. */
class Density {
	choice: DensityChoice = $state(
		remembered<string>("density", "comfortable") === "compact" ? "compact" : "comfortable",
	);
	/** Height of a row with one line, in pixels. A virtual list has to know it. */
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
