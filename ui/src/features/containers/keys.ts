import type { ContainerView } from "../../host/host";
import { machine } from "../../state/machine.svelte";
import { act, intents, open, toggleAction } from "./actions.svelte";

/**
 * The keys that act on a container, in the list and in its details: `container` is the one with the cursor or the
 * one that is shown, `chosen` are those that an action applies to. Returns whether the key was one of them.
 */
export function actOnKey(
	event: KeyboardEvent,
	container: ContainerView,
	chosen: readonly ContainerView[] = [container],
): boolean {
	if (event.ctrlKey || event.metaKey || event.altKey) return false;
	if (event.key === "Delete" || event.key === "Backspace") void act(chosen, "remove");
	else if (event.key === "F2") {
		if (!machine.stale) intents.renaming = container.id;
	} else if (event.key.toLowerCase() === "s") void act(chosen, toggleAction(container));
	else if (event.key.toLowerCase() === "r") void act(chosen, "restart");
	else if (event.key.toLowerCase() === "p")
		void act(chosen, container.state === "paused" ? "unpause" : "pause");
	else if (event.key.toLowerCase() === "l") open(container.id, "logs");
	else return false;
	return true;
}

/** Fields in which keys are text. */
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
