/** Fields in which keys are text. A check box is none. */
const TEXT = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

/** Elements that have keys of their own, and keep them while they are open. */
const OVER = "[role=dialog], [role=alertdialog], [role=menu], [role=listbox]";

/** Whether a key belongs to what is open over the page. A menu that has just closed counts too. */
export function isOver(event: KeyboardEvent): boolean {
	const at = event.target instanceof Element ? event.target : null;
	return (
		at?.closest(OVER) != null ||
		document.querySelector("[role=dialog], [role=alertdialog], [role=menu]") !== null
	);
}

/** The text field that a key is typed into. */
export function textField(event: KeyboardEvent): HTMLElement | null {
	return event.target instanceof Element ? event.target.closest<HTMLElement>(TEXT) : null;
}

/**
 * Whether a key without a modifier comes while no element on the screen has the focus, as after a change of the screen:
 * its list takes the key then. A click leaves the focus on the link of the screen, which has no use for Up and Down.
 */
export function isUnfocused(event: KeyboardEvent): boolean {
	if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isOver(event)) return false;
	if (event.target === document.body) return true;
	if (!(event.target instanceof Element)) return false;
	const vertical = event.key === "ArrowDown" || event.key === "ArrowUp";
	return event.target.id === "main" || (vertical && event.target.matches("nav a[aria-current]"));
}
