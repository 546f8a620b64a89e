import { announce } from "./announcer.svelte";
import { remember, remembered } from "./remembered";

export type Screen = "browse" | "containers" | "images" | "engine" | "settings";

/** A location in the window: a screen, and what is selected on it. */
export interface Place {
	screen: Screen;
	/** Full id of the selected container; on Images, the reference of the open image, or its id. */
	id: string | null;
	/** Tab of its detail: `overview`, `logs`. */
	tab: string | null;
}

export const screenNames: Record<Screen, string> = {
	browse: "Browse",
	containers: "Containers",
	images: "Images",
	engine: "Engine",
	settings: "Settings",
};

export function toHash(place: Place): string {
	const parts = [place.screen, place.id, place.id ? place.tab : null].filter((part) => part !== null);
	return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function fromHash(hash: string): Place {
	const [screen, id, tab] = hash.replace(/^#\/?/, "").split("/").map(decode);
	return {
		screen: screen && screen in screenNames ? (screen as Screen) : "browse",
		id: id || null,
		tab: (id && tab) || null,
	};
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return "";
	}
}

/** The location in the address; in a new window, the screen that was open last. */
function firstPlace(): Place {
	return fromHash(location.hash || remembered<string>("screen", ""));
}

/** The window's location. It is in the address, so it survives a reload, and Back and Forward work. */
export class Navigation {
	place: Place = $state.raw(firstPlace());

	constructor() {
		addEventListener("popstate", () => {
			this.place = fromHash(location.hash);
			remember("screen", this.place.screen);
		});
	}

	get screen(): Screen {
		return this.place.screen;
	}

	/** Shows a screen. `replace` adds no history entry: for selections that follow the arrow keys. */
	go(screen: Screen, at: { id?: string | null; tab?: string | null; replace?: boolean } = {}) {
		const next: Place = { screen, id: at.id ?? null, tab: at.tab ?? null };
		const hash = toHash(next);
		if (hash === toHash(this.place)) return;
		if (screen !== this.place.screen) announce(screenNames[screen]);
		this.place = next;
		remember("screen", screen);
		if (at.replace) history.replaceState(null, "", hash);
		else history.pushState(null, "", hash);
	}
}

export const navigation = new Navigation();
