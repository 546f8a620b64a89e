import type { CatalogEntry } from "../host/host";

/** What someone asked to run. The shell shows the run sheet for it, wherever the wish came from. */
export interface RunRequest {
	/** A slug of the catalog, or an image reference. */
	what: string;
	/** `now` starts at once when nothing needs changing; `form` always shows the plan first; `show` brings back a run that is going on. */
	how: "now" | "form" | "show";
	/** The entry, where the caller has it: the sheet shows its name and logo at once. */
	entry: CatalogEntry | null;
}

class RunRequests {
	current: RunRequest | null = $state.raw(null);

	/** Runs an image: `runRequests.run("nginx", "now")`, `runRequests.run("org/app:1", "form")`. */
	run(what: string, how: RunRequest["how"] = "form", entry: CatalogEntry | null = null) {
		this.current = { what, how, entry };
	}

	close() {
		this.current = null;
	}
}

export const runRequests = new RunRequests();
