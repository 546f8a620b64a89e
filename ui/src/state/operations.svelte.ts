import type { ApiError } from "../host/host";

export type OperationState = "running" | "done" | "failed" | "cancelled";

interface OperationStart {
	/** What it does, in words: "Pull nginx:1.27", "Run web". */
	title: string;
	/** Stops it. */
	cancel?: () => void;
	/** Shows the screen or sheet that it belongs to. */
	open?: () => void;
}

/** A long operation, wherever it was started. Shown at the foot of the navigation. */
export class Operation {
	readonly id: string;
	readonly title: string;
	readonly cancel: (() => void) | null;
	readonly open: (() => void) | null;
	readonly startedAt = Date.now();
	state: OperationState = $state("running");
	/** The current step: "Downloading, 12 of 72 MB". */
	detail = $state("");
	/** From 0 to 1; null if unknown. */
	progress: number | null = $state(null);
	/** Why it failed. */
	error: ApiError | null = $state.raw(null);

	constructor(id: string, start: OperationStart) {
		this.id = id;
		this.title = start.title;
		this.cancel = start.cancel ?? null;
		this.open = start.open ?? null;
	}
}

class Operations {
	all: Operation[] = $state([]);
	running = $derived(this.all.filter((operation) => operation.state === "running"));
	/** Operations that failed while no screen showed them; they stay until they are dismissed or retried. */
	failed = $derived(this.all.filter((operation) => operation.state === "failed"));

	/** A unique name for `operation_cancel`. */
	newId(): string {
		return crypto.randomUUID();
	}

	begin(id: string, start: OperationStart): Operation {
		const operation = new Operation(id, start);
		this.all = this.all.filter((other) => other.state === "running" || other.title !== start.title);
		this.all.push(operation);
		return operation;
	}

	/**
	 * Ends the operation and removes it from the list; its screen shows the outcome. With an error it stays
	 * in the list, because nothing else shows that it failed.
	 */
	end(operation: Operation, state: Exclude<OperationState, "running">, error: ApiError | null = null) {
		operation.state = state;
		operation.error = error;
		if (error === null) this.dismiss(operation);
	}

	/** Removes an ended operation from the list. */
	dismiss(operation: Operation) {
		this.all = this.all.filter((other) => other.id !== operation.id);
	}
}

export const operations = new Operations();
