import Box from "@lucide/svelte/icons/box";
import Play from "@lucide/svelte/icons/play";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import SquareArrowOutUpRight from "@lucide/svelte/icons/square-arrow-out-up-right";
import { type Command, commands } from "../../state/commands.svelte";
import { machine } from "../../state/machine.svelte";
import { act, can, isServing, open, openUrl, toggleAction, webPage } from "./actions.svelte";
import { containers } from "./containers.svelte";
import { ACTION_ICONS } from "./menu";
import { ACTION_WORDS, lastKnownWords, statusWords } from "./status";

function containerCommands(): Command[] {
	return containers.all.flatMap((container) => {
		const { id, name, image } = container;
		const base = { group: "Containers", keywords: `${image} ${container.stack ?? ""}` };
		const found: Command[] = [
			{
				...base,
				id: `container.open.${id}`,
				title: `Show ${name}`,
				icon: Box,
				hint: machine.stale ? lastKnownWords(container) : statusWords(container),
				run: () => open(id),
			},
			{
				...base,
				id: `container.logs.${id}`,
				title: `Show the logs of ${name}`,
				icon: ScrollText,
				hint: image,
				run: () => open(id, "logs"),
			},
		];
		const url = webPage(container)?.url;
		if (url && isServing(container)) {
			found.push({
				...base,
				id: `container.url.${id}`,
				title: `Open ${name} in the browser`,
				hint: url,
				icon: SquareArrowOutUpRight,
				run: () => void openUrl(url),
			});
		}
		for (const action of [toggleAction(container), "restart", "remove"] as const) {
			if (!can(container, action)) continue;
			found.push({
				...base,
				id: `container.${action}.${id}`,
				title: `${ACTION_WORDS[action]} ${name}${action === "remove" ? "…" : ""}`,
				hint: image,
				icon: ACTION_ICONS[action] ?? Play,
				run: () => {
					// The question before a removal belongs to the Containers screen.
					if (action === "remove") open(id);
					void act([container], action);
				},
			});
		}
		return found;
	});
}

/** Called once the first screen is interactive: starts the feature's state and offers its commands. */
export function register() {
	void containers.start();
	commands.provide(containerCommands);
}
