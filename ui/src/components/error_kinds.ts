import type { ErrorKind } from "../host/host";

export type Severity = "bad" | "warn";
/**
 * Actions that an error offers besides a retry. The component that shows the error decides which of them it
 * can offer.
 */
export type ErrorAction = "engine" | "retry" | "rename" | "use_free_port" | "change" | "none";

interface Presentation {
	severity: Severity;
	action: ErrorAction;
}

/** How each kind of error is shown. The texts come from the backend with the error. */
export const errorKinds: Record<ErrorKind, Presentation> = {
	no_engine: { severity: "warn", action: "engine" },
	not_responding: { severity: "warn", action: "engine" },
	permission_denied: { severity: "bad", action: "engine" },
	not_found: { severity: "warn", action: "none" },
	name_taken: { severity: "warn", action: "rename" },
	port_taken: { severity: "warn", action: "use_free_port" },
	image_not_found: { severity: "bad", action: "change" },
	unauthorized: { severity: "bad", action: "change" },
	wrong_architecture: { severity: "bad", action: "change" },
	invalid_input: { severity: "warn", action: "change" },
	conflict: { severity: "warn", action: "retry" },
	no_space: { severity: "bad", action: "retry" },
	network: { severity: "bad", action: "retry" },
	container_failed: { severity: "bad", action: "change" },
	cancelled: { severity: "warn", action: "retry" },
	other: { severity: "bad", action: "retry" },
};
