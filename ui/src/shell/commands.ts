import Boxes from "@lucide/svelte/icons/boxes";
import Compass from "@lucide/svelte/icons/compass";
import Cpu from "@lucide/svelte/icons/cpu";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Layers from "@lucide/svelte/icons/layers";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import Play from "@lucide/svelte/icons/play";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import Square from "@lucide/svelte/icons/square";
import Sun from "@lucide/svelte/icons/sun";
import type { MachineAction } from "../host/host";
import { type Command, commands } from "../state/commands.svelte";
import { engine } from "../state/engine.svelte";
import { machine } from "../state/machine.svelte";
import { navigation } from "../state/navigation.svelte";
import { theme } from "../state/theme.svelte";
import { toasts } from "../state/toasts.svelte";
import { help } from "./shortcuts.svelte";

/** What the window itself offers in the palette. */
export function register() {
	commands.provide(() => [
		{
			id: "go.browse",
			title: "Go to Browse",
			group: "Go to",
			keys: ["Mod", "1"],
			icon: Compass,
			run: () => navigation.go("browse"),
		},
		{
			id: "go.containers",
			title: "Go to Containers",
			group: "Go to",
			keys: ["Mod", "2"],
			icon: Boxes,
			run: () => navigation.go("containers"),
		},
		{
			id: "go.images",
			title: "Go to Images",
			group: "Go to",
			keys: ["Mod", "3"],
			icon: Layers,
			run: () => navigation.go("images"),
		},
		{
			id: "go.engine",
			title: "Go to Engine",
			group: "Go to",
			keys: ["Mod", "4"],
			icon: Cpu,
			run: () => navigation.go("engine"),
		},
		...engineCommands(),
		{
			id: "theme.system",
			title: "Theme: as the system",
			group: "Appearance",
			keywords: "dark light appearance",
			icon: Monitor,
			run: () => theme.choose("system"),
		},
		{
			id: "theme.light",
			title: "Theme: light",
			group: "Appearance",
			keywords: "appearance",
			icon: Sun,
			run: () => theme.choose("light"),
		},
		{
			id: "theme.dark",
			title: "Theme: dark",
			group: "Appearance",
			keywords: "appearance night",
			icon: Moon,
			run: () => theme.choose("dark"),
		},
		{
			id: "help.keys",
			title: "Keyboard shortcuts",
			group: "Help",
			keys: ["?"],
			icon: Keyboard,
			run: () => (help.open = true),
		},
	]);
}

function engineCommands(): Command[] {
	const switches = engine.endpoints
		.filter((endpoint) => endpoint.engine && !endpoint.current)
		.map((endpoint) => ({
			id: `engine.use.${endpoint.name}`,
			title: `Use the engine ${endpoint.name}`,
			group: "Engine",
			keywords: `switch ${endpoint.engine?.product} ${endpoint.address}`,
			hint: `${endpoint.engine?.product} ${endpoint.engine?.version}`,
			icon: Cpu,
			run: () => void engine.use(endpoint.name).catch((thrown) => toasts.error(thrown)),
		}));
	const retry: Command = {
		id: "engine.retry",
		title: "Look for the engine now",
		group: "Engine",
		keywords: "retry reconnect",
		icon: RefreshCw,
		run: () => void engine.retry().catch((thrown) => toasts.error(thrown)),
	};
	return [...switches, ...(engine.connected ? [] : [retry]), ...machineCommands()];
}

function machineCommands(): Command[] {
	const command = (action: MachineAction, title: string, icon: Command["icon"]): Command => ({
		id: `machine.${action}`,
		title,
		group: "Engine",
		keywords: "machine virtual linux vm",
		icon,
		run: () => void machine.act(action).catch((thrown) => toasts.error(thrown)),
	});
	const start = command("start", "Start Slipway’s machine", Play);
	const stop = command("stop", "Stop Slipway’s machine", Square);
	const restart = command("restart", "Restart Slipway’s machine", RefreshCw);
	switch (machine.view?.state.is) {
		case "absent":
		case "stopped":
		case "broken":
			return [start];
		case "running":
		case "unresponsive":
			return [stop, restart];
		case "preparing":
		case "starting":
			return [stop];
		default:
			return [];
	}
}
