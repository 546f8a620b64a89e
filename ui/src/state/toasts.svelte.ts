import { type ApiError, HostError } from "../host/host";
import { announce } from "./announcer.svelte";

export type ToastKind = "info" | "ok" | "warn" | "bad";

export interface ToastAction {
	/** One verb: "Undo", "Open", "Retry". */
	label: string;
	run: () => void;
}

export interface Toast {
	id: number;
	kind: ToastKind;
	/** What happened, as a fact. */
	title: string;
	/** What to do about it. */
	detail: string | null;
	actions: ToastAction[];
	/** An error whose details can be copied. */
	error: ApiError | null;
	/** Milliseconds until it closes by itself, while the window is visible. */
	lifetime: number;
}

type ToastOptions = Partial<Omit<Toast, "id" | "title">>;

const shownAtOnce = 3;

/** Every message closes by itself: a failure last, because it has to be read and may be copied. */
function lifetimeOf({ kind, actions }: ToastOptions): number {
	if (kind === "bad") return 30_000;
	return actions?.length ? 10_000 : 5_000;
}

/** Drops the oldest of too many: failures after the others. */
function fewest(all: Toast[]): Toast[] {
	if (all.length <= shownAtOnce) return all;
	const gone = all.slice(0, -1).find((toast) => toast.kind !== "bad") ?? all[0];
	return fewest(all.filter((toast) => toast !== gone));
}

/** Short messages at the edge of the window. */
class Toasts {
	all: Toast[] = $state([]);
	#next = 1;

	/** Shows a toast and returns its id. */
	show(title: string, options: ToastOptions = {}): number {
		const toast: Toast = {
			id: this.#next++,
			kind: "info",
			title,
			detail: null,
			actions: [],
			error: null,
			lifetime: lifetimeOf(options),
			...options,
		};
		// An identical message replaces the earlier one.
		const others = this.all.filter((other) => other.title !== toast.title || other.detail !== toast.detail);
		this.all = fewest([...others, toast]);
		announce([toast.title, toast.detail].filter(Boolean).join(". "));
		return toast.id;
	}

	/** Shows the error of a rejected call. Cancelled is an outcome, not an error: it shows nothing. */
	error(thrown: unknown, options: ToastOptions & { title?: string } = {}) {
		const { error, kind } = HostError.from(thrown);
		if (kind === "cancelled") return;
		const { title, ...rest } = options;
		this.show(title ?? error.message, {
			kind: "bad",
			detail: title ? error.message : error.hint,
			error,
			...rest,
		});
	}

	close(id: number) {
		this.all = this.all.filter((toast) => toast.id !== id);
	}
}

export const toasts = new Toasts();
