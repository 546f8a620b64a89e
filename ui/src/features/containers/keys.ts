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
