import { textField } from "../components/key_target";
import { commands } from "../state/commands.svelte";
import { navigation, type Screen } from "../state/navigation.svelte";
import { toasts } from "../state/toasts.svelte";
import { zoom } from "../state/zoom.svelte";

export interface Shortcut {
	keys: string[];
	/** Other keys that do the same. */
	or?: string[];
	does: string;
}

/** All shortcuts of the window, for the help dialog, including those of the screens. */
export const shortcuts: { title: string; list: Shortcut[] }[] = [
	{
		title: "Everywhere",
		list: [
			{ keys: ["Mod", "K"], does: "Command palette" },
			{ keys: ["/"], does: "Search or filter" },
			{ keys: ["Mod", "1"], does: "Browse" },
			{ keys: ["Mod", "2"], does: "Containers" },
			{ keys: ["Mod", "3"], does: "Images" },
			{ keys: ["Mod", "4"], does: "Engine" },
			{ keys: ["Mod", ","], does: "Settings" },
			{ keys: ["Mod", "+"], does: "Zoom in" },
			{ keys: ["Mod", "−"], does: "Zoom out" },
			{ keys: ["Mod", "0"], does: "Reset the zoom" },
			{ keys: ["Escape"], does: "Close, or clear the search or selection" },
			{ keys: ["?"], does: "Keyboard shortcuts" },
		],
	},
	{
		title: "Browse",
		list: [
			{ keys: ["←", "↑", "↓", "→"], does: "Move between images" },
			{ keys: ["Enter"], does: "Show details" },
			{ keys: ["Mod", "Enter"], does: "Run now" },
			{ keys: ["Shift", "Enter"], does: "Configure, then run" },
		],
	},
	{
		title: "Run sheet",
		list: [{ keys: ["Mod", "Enter"], does: "Run" }],
	},
	{
		title: "Lists (Containers and Images)",
		list: [
			{ keys: ["↑", "↓"], does: "Move" },
			{ keys: ["PageUp", "PageDown"], does: "Move by a page" },
			{ keys: ["Home", "End"], does: "First, last" },
			{ keys: ["Space"], does: "Select" },
			{ keys: ["Shift", "↑", "↓"], does: "Extend the selection" },
			{ keys: ["Mod", "A"], does: "Select all" },
			{ keys: ["Enter"], does: "Show details" },
			{ keys: ["Shift", "F10"], does: "Open the menu" },
			{ keys: ["Delete"], does: "Remove…" },
		],
	},
	{
		title: "Containers",
		list: [
			{ keys: ["S"], does: "Start or stop" },
			{ keys: ["R"], does: "Restart" },
			{ keys: ["P"], does: "Pause or resume" },
			{ keys: ["L"], does: "Show logs" },
			{ keys: ["F2"], does: "Rename" },
			{ keys: ["←", "→"], does: "Collapse or expand a group" },
		],
	},
	{
		title: "Logs",
		list: [
			{ keys: ["Mod", "F"], does: "Search" },
			{ keys: ["Enter"], does: "Next match" },
			{ keys: ["Shift", "Enter"], does: "Previous match" },
			{ keys: ["Home"], or: ["Mod", "↑"], does: "Oldest line" },
			{ keys: ["End"], or: ["Mod", "↓"], does: "Newest line, and follow" },
			{ keys: ["Mod", "A"], does: "Select all lines" },
		],
	},
];

class Help {
	open = $state(false);
}
export const help = new Help();

const byDigit: Record<string, Screen> = { "1": "browse", "2": "containers", "3": "images", "4": "engine" };

/**
 * Zooms; returns whether the key was a zoom key. On many keyboards `+` needs Shift, so the same key without
 * it, `=`, counts too.
 */
function zoomed(event: KeyboardEvent): boolean {
	if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
	const change =
		event.key === "+" || event.key === "="
			? () => zoom.step(1)
			: event.key === "-" || event.key === "_"
				? () => zoom.step(-1)
				: event.key === "0"
					? () => zoom.set(100)
					: null;
	change?.().catch((thrown) => toasts.error(thrown));
	return change !== null;
}

/** Shows a screen. The focus leaves the navigation and the former screen, so that the list takes the next key. */
function goTo(screen: Screen) {
	const main = document.getElementById("main");
	if (screen !== navigation.screen || !main?.contains(document.activeElement)) main?.focus();
	navigation.go(screen);
}

/** The keys that work everywhere. */
export function shortcut(event: KeyboardEvent) {
	if (event.defaultPrevented) return;
	const mod = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
	if (mod && event.key.toLowerCase() === "k") {
		event.preventDefault();
		commands.paletteOpen = !commands.paletteOpen;
		return;
	}
	if (zoomed(event)) {
		event.preventDefault();
		return;
	}
	const inDialog = document.querySelector("[role=dialog], [role=alertdialog]") !== null;
	if (inDialog) return;
	const screen = event.key === "," ? "settings" : byDigit[event.key];
	if (mod && screen) {
		event.preventDefault();
		goTo(screen);
	} else if (event.key === "?" && !textField(event)) {
		event.preventDefault();
		help.open = true;
	}
}
