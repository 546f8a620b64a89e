import Boxes from "@lucide/svelte/icons/boxes";
import Compass from "@lucide/svelte/icons/compass";
import Cpu from "@lucide/svelte/icons/cpu";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Layers from "@lucide/svelte/icons/layers";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import Play from "@lucide/svelte/icons/play";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import Rows2 from "@lucide/svelte/icons/rows-2";
import Rows3 from "@lucide/svelte/icons/rows-3";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Settings from "@lucide/svelte/icons/settings";
import Square from "@lucide/svelte/icons/square";
import Sun from "@lucide/svelte/icons/sun";
import Trash2 from "@lucide/svelte/icons/trash-2";
import ZoomIn from "@lucide/svelte/icons/zoom-in";
import ZoomOut from "@lucide/svelte/icons/zoom-out";
import type { MachineAction } from "../host/host";
import { type Command, commands } from "../state/commands.svelte";
import { density } from "../state/density.svelte";
import { engine } from "../state/engine.svelte";
import { machine } from "../state/machine.svelte";
import { navigation } from "../state/navigation.svelte";
import { theme } from "../state/theme.svelte";
import { toasts } from "../state/toasts.svelte";
import { zoom } from "../state/zoom.svelte";
import { help } from "./shortcuts.svelte";

function tell(done: Promise<unknown>) {
	done.catch((thrown) => toasts.error(thrown));
}

/** The window's own commands in the palette. */
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
		{
			id: "go.settings",
			title: "Go to Settings",
			group: "Go to",
			keywords: "preferences options",
			keys: ["Mod", ","],
			icon: Settings,
			run: () => navigation.go("settings"),
		},
		...engineCommands(),
		{
			id: "theme.system",
			title: "Theme: system",
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
			id: "density.comfortable",
			title: "List density: comfortable",
			group: "Appearance",
			icon: Rows2,
			run: () => density.choose("comfortable"),
		},
		{
			id: "density.compact",
			title: "List density: compact",
			group: "Appearance",
			icon: Rows3,
			run: () => density.choose("compact"),
		},
		{
			id: "zoom.in",
			title: "Zoom in",
			group: "Appearance",
			keywords: "larger bigger",
			keys: ["Mod", "+"],
			icon: ZoomIn,
			run: () => tell(zoom.step(1)),
		},
		{
			id: "zoom.out",
			title: "Zoom out",
			group: "Appearance",
			keywords: "smaller",
			keys: ["Mod", "−"],
			icon: ZoomOut,
			run: () => tell(zoom.step(-1)),
		},
		{
			id: "zoom.reset",
			title: "Reset the zoom",
			group: "Appearance",
			keys: ["Mod", "0"],
			icon: ZoomIn,
			run: () => tell(zoom.set(100)),
		},
		{
			id: "help.keys",
			title: "Show keyboard shortcuts",
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
			title: `Use the engine ${engine.nameOf(endpoint.name, endpoint.engine?.product)}`,
			group: "Engine",
			keywords: `switch ${endpoint.name} ${endpoint.engine?.product} ${endpoint.address}`,
			hint: `${endpoint.engine?.product} ${endpoint.engine?.version} · ${engine.sourceOf(endpoint)}`,
			icon: Cpu,
			run: () => tell(engine.use(endpoint.name)),
		}));
	const retry: Command = {
		id: "engine.retry",
		title: "Refresh the engine",
		group: "Engine",
		keywords: "retry reconnect look again",
		icon: RefreshCw,
		run: () => tell(engine.retry()),
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
		run: () => tell(action === "stop" || action === "restart" ? machine.askTo(action) : machine.act(action)),
	});
	const start = command("start", "Start Slipway’s machine", Play);
	const stop = command("stop", "Stop Slipway’s machine…", Square);
	const restart = command("restart", "Restart Slipway’s machine…", RefreshCw);
	const show = (part: NonNullable<typeof machine.toShow>, title: string, icon: Command["icon"]): Command => ({
		id: `machine.${part}`,
		title,
		group: "Engine",
		keywords: "machine virtual linux vm cpus memory disk",
		icon,
		run: () => {
			navigation.go("engine");
			machine.toShow = part;
		},
	});
	const settings = show("settings", "Change the settings of Slipway’s machine…", Settings);
	const log = show("log", "Show the log of Slipway’s machine", ScrollText);
	const remove = show("delete", "Delete Slipway’s machine…", Trash2);
	switch (machine.view?.state.is) {
		case "absent":
			return [start];
		case "stopped":
			return [start, settings, log, remove];
		case "broken":
			return machine.view.disk ? [start, settings, log, remove] : [start, settings, log];
		case "running":
		case "unresponsive":
			return [stop, restart, settings, log, remove];
		case "preparing":
		case "starting":
			return [command("stop", "Cancel the start of Slipway’s machine", Square), settings, log];
		default:
			return [];
	}
}
