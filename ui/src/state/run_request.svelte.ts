import type { CatalogEntry } from "../host/host";

/** A request to run something. The shell shows the run sheet for it, wherever it came from. */
export interface RunRequest {
	/** A slug of the catalog, or an image reference. */
	what: string;
	/**
	 * `now` starts at once if no input is required; `form` always shows the plan first; `show` returns to a
	 * run in progress.
	 */
	how: "now" | "form" | "show";
	/** The entry, if the caller has it, so that the sheet shows its name and logo at once. */
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
