import Copy from "@lucide/svelte/icons/copy";
import ExternalLink from "@lucide/svelte/icons/external-link";
import OctagonX from "@lucide/svelte/icons/octagon-x";
import PanelRight from "@lucide/svelte/icons/panel-right";
import Pause from "@lucide/svelte/icons/pause";
import Pencil from "@lucide/svelte/icons/pencil";
import Play from "@lucide/svelte/icons/play";
import RotateCw from "@lucide/svelte/icons/rotate-cw";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Square from "@lucide/svelte/icons/square";
import SquareTerminal from "@lucide/svelte/icons/square-terminal";
import Trash from "@lucide/svelte/icons/trash-2";
import type { Component } from "svelte";
import type { MenuItem } from "../../components/Menu.svelte";
import { plural } from "../../format/numbers";
import type { ContainerAction, ContainerView } from "../../host/host";
import { machine } from "../../state/machine.svelte";
import {
	act,
	can,
	copyDockerRun,
	copyId,
	intents,
	isServing,
	open,
	openUrl,
	webPage,
} from "./actions.svelte";
import { ACTION_WORDS, isUp } from "./status";

/** The icon of each action. */
export const ACTION_ICONS: Record<ContainerAction, Component<{ size?: number | string }>> = {
	start: Play,
	stop: Square,
	restart: RotateCw,
	pause: Pause,
	unpause: Play,
	kill: OctagonX,
	remove: Trash,
};

const KEYS: Partial<Record<ContainerAction, string>> = {
	start: "S",
	stop: "S",
	restart: "R",
	pause: "P",
	unpause: "P",
	remove: "Delete",
};

function actionItem(
	container: ContainerView,
	action: ContainerAction,
	more: Partial<MenuItem> = {},
): MenuItem {
	return {
		label: action === "remove" ? "Remove…" : ACTION_WORDS[action],
		icon: ACTION_ICONS[action],
		hint: KEYS[action],
		disabled: !can(container, action),
		testid: `menu-${action}`,
		run: () => void act([container], action),
		...more,
	};
}

/** The menu of a row that is one of several ticked ones: it acts on all of them, and says on how many it can. */
function menuOfSeveral(container: ContainerView, chosen: readonly ContainerView[]): MenuItem[] {
	const item = (action: ContainerAction, more?: Partial<MenuItem>) => {
		const able = chosen.filter((one) => can(one, action)).length;
		return actionItem(container, action, {
			label: `${ACTION_WORDS[action]} ${plural(able || chosen.length, "container")}${action === "remove" ? "…" : ""}`,
			disabled: able === 0,
			run: () => void act(chosen, action),
			...more,
		});
	};
	return [
		item(isUp(container) ? "stop" : "start"),
		item("restart"),
		item(container.state === "paused" ? "unpause" : "pause"),
		item("kill"),
		item("remove", { danger: true, separated: true }),
	];
}

/** The menu of a container, in its row (`detail` false) or in its detail. `chosen` are those that it acts on. */
export function menuItems(
	container: ContainerView,
	detail = false,
	chosen: readonly ContainerView[] = [container],
): MenuItem[] {
	if (chosen.length > 1) return menuOfSeveral(container, chosen);
	const up = isUp(container);
	const items: MenuItem[] = [];
	if (!detail) {
		items.push(
			{
				label: "Details",
				icon: PanelRight,
				hint: "Enter",
				testid: "menu-open",
				run: () => open(container.id),
			},
			{
				label: "Logs",
				icon: ScrollText,
				hint: "L",
				testid: "menu-logs",
				run: () => open(container.id, "logs"),
			},
		);
		const page = webPage(container);
		if (page?.url) {
			const { url } = page;
			items.push({
				label: `Open :${page.host_port}`,
				icon: ExternalLink,
				disabled: !isServing(container),
				testid: "menu-web",
				run: () => void openUrl(url),
			});
		}
		items.push(
			actionItem(container, up ? "stop" : "start", { separated: true }),
			actionItem(container, "restart"),
		);
	}
	items.push(
		actionItem(container, container.state === "paused" ? "unpause" : "pause"),
		actionItem(container, "kill"),
		{
			label: "Rename",
			icon: Pencil,
			hint: "F2",
			separated: true,
			disabled: machine.stale,
			testid: "menu-rename",
			run: () => {
				intents.renaming = container.id;
			},
		},
		{ label: "Copy ID", icon: Copy, testid: "menu-copy-id", run: () => void copyId(container) },
		{
			label: "Copy docker run command",
			icon: SquareTerminal,
			disabled: machine.stale,
			testid: "menu-copy-run",
			run: () => void copyDockerRun(container),
		},
		actionItem(container, "remove", { danger: true, separated: true }),
	);
	return items;
}
