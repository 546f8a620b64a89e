import { imageOfCommand } from "../../format/docker_command";
import { type CatalogCategory, type CatalogEntry, HostError, host } from "../../host/host";
import { remember, remembered } from "../../state/remembered";
import { repository } from "./image_name";

interface Search {
	words: string;
	category: string | null;
}

/** The state of Browse: the catalog, filtered by search words and a category. */
class Browse {
	words = $state("");
	category: string | null = $state(null);
	categories: CatalogCategory[] = $state.raw([]);
	entries: CatalogEntry[] = $state.raw([]);
	/** Matches of the search words in other categories. */
	elsewhere: CatalogEntry[] = $state.raw([]);
	/** The typed text if it is an image reference that no entry runs. */
	reference: string | null = $state(null);
	/** The entry whose image `reference` is, at another tag. */
	readonly known: CatalogEntry | null = $derived.by(() => {
		const typed = this.reference === null ? null : repository(this.reference);
		return [...this.entries, ...this.elsewhere].find((entry) => entry.image === typed) ?? null;
	});
	/** The image of a pasted `docker run` line, which is searched for in place of the line. */
	readonly pasted = $derived(imageOfCommand(this.words));
	/** Whether the first answer has arrived. */
	loaded = $state(false);
	error: HostError | null = $state.raw(null);

	#asked = 0;

	constructor() {
		const last = remembered<Search>("browse", { words: "", category: null }, sessionStorage);
		this.words = last.words;
		this.category = last.category;
	}

	/** Loads the initial content of the screen. */
	async load() {
		await Promise.all([this.search(), this.#loadCategories()]);
	}

	/** Queries the catalog again. If several queries are in flight, only the last one counts. */
	async search() {
		this.#asked += 1;
		const asked = this.#asked;
		remember("browse", { words: this.words, category: this.category }, sessionStorage);
		try {
			const found = await host.catalogSearch(this.pasted?.image ?? this.words, this.category);
			if (asked !== this.#asked) return;
			this.entries = found.entries;
			this.elsewhere = found.elsewhere;
			this.reference = found.reference;
			this.error = null;
		} catch (thrown) {
			if (asked === this.#asked) this.error = HostError.from(thrown);
		}
		this.loaded = true;
	}

	type(words: string) {
		this.words = words;
		void this.search();
	}

	choose(category: string | null) {
		this.category = category;
		void this.search();
	}

	clear() {
		this.words = "";
		this.category = null;
		void this.search();
	}

	async #loadCategories() {
		if (this.categories.length) return;
		try {
			this.categories = await host.catalogCategories();
		} catch (thrown) {
			this.error = HostError.from(thrown);
		}
	}
}

export const browse = new Browse();
