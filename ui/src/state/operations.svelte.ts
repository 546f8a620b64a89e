import type { ApiError } from "../host/host";

export type OperationState = "running" | "done" | "failed" | "cancelled";

interface OperationStart {
	/** What it does, in words: "Pull nginx:1.27", "Run web". */
	title: string;
	/** Stops it. */
	cancel?: () => void;
	/** Brings what shows it to the front. */
	open?: () => void;
}

/** Something that takes a while, wherever it was started. Shown at the foot of the navigation. */
export class Operation {
	readonly id: string;
	readonly title: string;
	readonly cancel: (() => void) | null;
	readonly open: (() => void) | null;
	readonly startedAt = Date.now();
	state: OperationState = $state("running");
	/** What it does now: "Pulling, 12 of 72 MB". */
	detail = $state("");
	/** From 0 to 1; null when that is not known. */
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
	/** Failed while nothing on the screen showed them; they stay until they are dismissed or tried again. */
	failed = $derived(this.all.filter((operation) => operation.state === "failed"));

	/** A name for `operation_cancel` to find it by. */
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
	 * The operation is over and leaves the list: what started it shows the outcome. With an error it stays, because nothing
	 * else on the screen shows that it failed.
	 */
	end(operation: Operation, state: Exclude<OperationState, "running">, error: ApiError | null = null) {
		operation.state = state;
		operation.error = error;
		if (error === null) this.dismiss(operation);
	}

	/** Takes an operation that is over from the list. */
	dismiss(operation: Operation) {
		this.all = this.all.filter((other) => other.id !== operation.id);
	}
}

export const operations = new Operations();
