/** What someone asked to run. The shell shows the run sheet for it, wherever the wish came from. */
export interface RunRequest {
	/** A slug of the catalog, or an image reference. */
	what: string;
	/** `now` starts at once when nothing needs changing; `form` always shows the plan first. */
	how: "now" | "form";
}

class RunRequests {
	current: RunRequest | null = $state.raw(null);

	/** Runs an image: `runRequests.run("nginx")`, `runRequests.run("org/app:1", "form")`. */
	run(what: string, how: RunRequest["how"] = "form") {
		this.current = { what, how };
	}
}

export const runRequests = new RunRequests();
