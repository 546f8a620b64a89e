import { beforeEach, expect, it, vi } from "vitest";
import { host } from "../host/host";
import { navigation } from "../state/navigation.svelte";
import { zoom } from "../state/zoom.svelte";
import { help, shortcut, shortcuts } from "./shortcuts.svelte";

function press(init: KeyboardEventInit) {
	const event = new KeyboardEvent("keydown", { cancelable: true, ...init });
	shortcut(event);
	return event;
}

beforeEach(async () => {
	vi.spyOn(host, "windowZoom").mockResolvedValue(null);
	navigation.go("browse");
	await zoom.set(100);
});

it("zooms with Ctrl and +, = (which is + without Shift), −, 0", async () => {
	expect(press({ key: "+", ctrlKey: true, shiftKey: true }).defaultPrevented).toBe(true);
	expect(zoom.level).toBe(110);
	press({ key: "=", ctrlKey: true });
	expect(zoom.level).toBe(125);
	press({ key: "-", ctrlKey: true });
	expect(zoom.level).toBe(110);
	press({ key: "0", ctrlKey: true });
	expect(zoom.level).toBe(100);
	expect(press({ key: "+" }).defaultPrevented).toBe(false);
});

it("opens the settings with Ctrl+,", () => {
	press({ key: ",", ctrlKey: true });
	expect(navigation.screen).toBe("settings");
});

it("opens the list of shortcuts with ?, except from a field in which keys are text", () => {
	const from = (type: string) => {
		const field = Object.assign(document.createElement("input"), { type });
		document.body.append(field);
		field.addEventListener("keydown", shortcut);
		help.open = false;
		field.dispatchEvent(new KeyboardEvent("keydown", { key: "?", cancelable: true }));
		field.remove();
		return help.open;
	};
	expect(from("text")).toBe(false);
	expect(from("checkbox")).toBe(true);
	help.open = false;
});

/** Shortcuts as the screens' code handles them, and as the help lists them. */
const shown: Record<string, string> = {
	ArrowUp: "↑",
	ArrowDown: "↓",
	ArrowLeft: "←",
	ArrowRight: "→",
	" ": "Space",
	Backspace: "Delete",
	ContextMenu: "F10",
	"=": "+",
	"-": "−",
	_: "−",
};

it("lists every key that a screen reacts to", () => {
	const sources = import.meta.glob<string>(
		[
			"../features/{browse,containers,images,logs}/*.svelte",
			"../features/containers/keys.ts",
			"./shortcuts.svelte.ts",
		],
		{ query: "?raw", import: "default", eager: true },
	);
	const used = new Set<string>();
	for (const source of Object.values(sources))
		for (const [, key] of source.matchAll(/\.key(?:\.toLowerCase\(\))? [!=]== "([^"]+)"/g))
			if (key) used.add(key);
	expect(used.size).toBeGreaterThan(15);
	const listed = new Set(
		shortcuts.flatMap(({ list }) => list.flatMap(({ keys, or = [] }) => [...keys, ...or])),
	);
	const missing = [...used].filter(
		(key) => !listed.has(shown[key] ?? (key.length === 1 ? key.toUpperCase() : key)),
	);
	expect(missing).toEqual([]);
});

it.each([
	["Browse"],
	["Containers", "Lists (Containers and Images)"],
	["Lists (Containers and Images)"],
	["Logs"],
])("lists each key and each effect once, for %s", (...titles) => {
	const list = shortcuts
		.filter(({ title }) => title === "Everywhere" || titles.includes(title))
		.flatMap(({ list }) => list);
	const keys = list.flatMap(({ keys, or }) => (or ? [keys, or] : [keys])).map((one) => one.join("+"));
	for (const named of [keys, list.map(({ does }) => does)])
		expect(named.filter((one, at) => named.indexOf(one) !== at)).toEqual([]);
});
