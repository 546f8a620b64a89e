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

	/** A name for `operation_cancel` to find it by. */
	newId(): string {
		return crypto.randomUUID();
	}

	begin(id: string, start: OperationStart): Operation {
		const operation = new Operation(id, start);
		this.all.push(operation);
		return operation;
	}

	/** The operation is over: it leaves the list. Its outcome is told by whoever started it. */
	end(operation: Operation, state: Exclude<OperationState, "running">) {
		operation.state = state;
		this.all = this.all.filter((other) => other.id !== operation.id);
	}
}

export const operations = new Operations();
