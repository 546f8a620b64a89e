import { commands } from "../state/commands.svelte";
import { navigation, type Screen } from "../state/navigation.svelte";

export interface Shortcut {
	keys: string[];
	does: string;
}

/** All shortcuts of the window, for the help dialog. Screens list theirs here too: one table to read. */
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
			{ keys: ["Escape"], does: "Close what is on top, or clear the search" },
			{ keys: ["?"], does: "This list" },
		],
	},
	{
		title: "Browse",
		list: [
			{ keys: ["←", "↑", "↓", "→"], does: "Move between images" },
			{ keys: ["Enter"], does: "Show details" },
			{ keys: ["Mod", "Enter"], does: "Run" },
			{ keys: ["Shift", "Enter"], does: "Customise…" },
		],
	},
	{
		title: "Run sheet",
		list: [{ keys: ["Mod", "Enter"], does: "Run" }],
	},
	{
		title: "Containers",
		list: [
			{ keys: ["↑", "↓"], does: "Move in the list" },
			{ keys: ["Enter"], does: "Show the container" },
			{ keys: ["Space"], does: "Select" },
			{ keys: ["Delete"], does: "Remove" },
		],
	},
	{
		title: "Logs",
		list: [
			{ keys: ["Mod", "F"], does: "Search the log" },
			{ keys: ["Enter"], does: "Next match" },
			{ keys: ["Shift", "Enter"], does: "Previous match" },
			{ keys: ["End"], does: "Follow the newest lines" },
		],
	},
];

class Help {
	open = $state(false);
}
export const help = new Help();

const byDigit: Record<string, Screen> = { "1": "browse", "2": "containers", "3": "images", "4": "engine" };

/** The keys that work everywhere. */
export function shortcut(event: KeyboardEvent) {
	if (event.defaultPrevented) return;
	const mod = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
	if (mod && event.key.toLowerCase() === "k") {
		event.preventDefault();
		commands.paletteOpen = !commands.paletteOpen;
		return;
	}
	const inDialog = document.querySelector("[role=dialog], [role=alertdialog]") !== null;
	if (inDialog) return;
	const screen = byDigit[event.key];
	if (mod && screen) {
		event.preventDefault();
		navigation.go(screen);
	} else if (event.key === "?" && !isTyping(event.target)) {
		event.preventDefault();
		help.open = true;
	}
}

/** Whether keys belong to the element: letters typed there are text. */
export function isTyping(target: EventTarget | null): boolean {
	return (
		target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
	);
}
