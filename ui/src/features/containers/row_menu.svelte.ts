import type MenuComponent from "../../components/Menu.svelte";
import type { Point } from "../../components/menu_placement";

/**
 * The menu of a row. Its code is loaded when the pointer or the focus first reaches the table, because the
 * list does not need it.
 */
class RowMenu {
	Menu: typeof MenuComponent | null = $state.raw(null);
	/** Where it opens: at the pointer or at the row; null is at the row's button. */
	at: Point | null = $state.raw(null);
	#asked = false;

	load() {
		if (this.#asked) return;
		this.#asked = true;
		import("../../components/Menu.svelte").then(
			(module) => {
				this.Menu = module.default;
			},
			() => {
				this.#asked = false;
			},
		);
	}
}

export const rowMenu = new RowMenu();
