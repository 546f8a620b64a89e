const TEXT =
	"input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, [contenteditable]";

/** Whether the page's selected text is under this node. */
function isSelected(node: Node): boolean {
	const selection = getSelection();
	if (!selection || selection.isCollapsed || selection.toString() === "") return false;
	return selection.getRangeAt(0).intersectsNode(node);
}

/**
 * Keeps the browser's context menu (Back, Stop, Reload) away from everything but text fields and selected text,
 * where it copies and pastes. Returns the function that stops this.
 */
export function limitContextMenu(page: Document): () => void {
	const limit = (event: Event) => {
		const { target } = event;
		if (event.defaultPrevented || !(target instanceof Node)) return;
		if (target instanceof Element && target.closest(TEXT)) return;
		if (!isSelected(target)) event.preventDefault();
	};
	page.addEventListener("contextmenu", limit);
	return () => page.removeEventListener("contextmenu", limit);
}
