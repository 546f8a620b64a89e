import type { ApiError, ErrorKind } from "./bindings";

/** The rejection of a call to the backend. Screens branch on `kind` and show `error`. */
export class HostError extends Error {
	readonly error: ApiError;
	/** What a failed run undid. */
	readonly undone: string[];
	/** The field of the plan that a failed run is about: `cpus`, `ports.0.host_port`. */
	readonly field: string | null;

	constructor(error: ApiError, undone: string[] = [], field: string | null = null) {
		super(error.message);
		this.name = "HostError";
		this.error = error;
		this.undone = undone;
		this.field = field;
	}

	get kind(): ErrorKind {
		return this.error.kind;
	}

	/** Converts anything that was thrown into such an error, even if it did not come from the backend. */
	static from(thrown: unknown): HostError {
		if (thrown instanceof HostError) return thrown;
		const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
		const error = isApiError(thrown)
			? thrown
			: { kind: "other" as const, message: "Something in the window failed", hint: null, detail };
		return new HostError(error);
	}
}

export function isApiError(value: unknown): value is ApiError {
	return typeof value === "object" && value !== null && "kind" in value && "message" in value;
}
