import { remember, remembered } from "./remembered";

export type ThemeChoice = "system" | "light" | "dark";

/** Light or dark: the system's theme, unless the user chose one. */
class Theme {
	choice: ThemeChoice = $state(remembered<ThemeChoice>("theme", "system"));
	#systemIsDark = $state(false);
	shown: "light" | "dark" = $derived(
		this.choice === "system" ? (this.#systemIsDark ? "dark" : "light") : this.choice,
	);

	constructor() {
		const dark = matchMedia("(prefers-color-scheme: dark)");
		this.#systemIsDark = dark.matches;
		dark.addEventListener("change", () => {
			this.#systemIsDark = dark.matches;
			this.#apply();
		});
		this.#apply();
	}

	choose(choice: ThemeChoice) {
		this.choice = choice;
		remember("theme", choice);
		this.#apply();
	}

	#apply() {
		document.documentElement.dataset.theme = this.shown;
	}
}

export const theme = new Theme();
