/**
 * A pressed element shows no tooltip until the pointer has left it and what it opened is closed: the tooltip would
 * stay above that sheet, dialog or menu. Returns the function that stops this.
 */
export function hidePressedTitles(page: Document): () => void {
	const press = (event: Event) => {
		const element = event.target instanceof Element ? event.target.closest<HTMLElement>("[title]") : null;
		if (!element) return;
		const { title } = element;
		element.removeAttribute("title");
		const leave = () => {
			if (element.getAttribute("aria-expanded") === "true") return;
			element.removeEventListener("pointerleave", leave);
			// The press may have changed the element's action, and its title with it.
			if (!element.hasAttribute("title")) element.title = title;
		};
		element.addEventListener("pointerleave", leave);
	};
	page.addEventListener("pointerdown", press, true);
	return () => page.removeEventListener("pointerdown", press, true);
}
