/**
 * A pressed element shows no tooltip until the pointer has left it: the tooltip would stay above the sheet or
 * dialog that the press opens. Returns the function that stops this.
 */
export function hidePressedTitles(page: Document): () => void {
	const press = (event: Event) => {
		const element = event.target instanceof Element ? event.target.closest<HTMLElement>("[title]") : null;
		if (!element) return;
		const { title } = element;
		element.removeAttribute("title");
		element.addEventListener(
			"pointerleave",
			() => {
				// The press may have changed the element's action, and its title with it.
				if (!element.hasAttribute("title")) element.title = title;
			},
			{ once: true },
		);
	};
	page.addEventListener("pointerdown", press, true);
	return () => page.removeEventListener("pointerdown", press, true);
}
