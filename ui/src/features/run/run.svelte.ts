import { bytes } from "../../format/bytes";
import { pullStep } from "../../format/pull";
import {
	type CatalogEntry,
	HostError,
	host,
	type PullProgress,
	type RunEvent,
	type RunOutcome,
	type RunPlan,
	type RunStep,
} from "../../host/host";
import { type Operation, operations } from "../../state/operations.svelte";
import { runRequests } from "../../state/run_request.svelte";
import type { MountSources } from "./plan_form.svelte";
import { Rate } from "./rate";

export const steps: RunStep[] = ["check", "pull", "create", "start", "wait"];

/** Each step while it is in progress. */
export const doing: Record<RunStep, string> = {
	check: "Checking the options",
	pull: "Pulling",
	create: "Creating",
	start: "Starting",
	wait: "Waiting for a response",
};

interface Timing {
	from: number;
	to: number | null;
}

/** One run of a plan, from Run to its end. It continues whether or not the sheet is open. */
export class Run {
	readonly plan: RunPlan;
	readonly entry: CatalogEntry | null;
	state: "running" | "ready" | "failed" | "cancelled" = $state("running");
	step: RunStep | null = $state(null);
	timings: Partial<Record<RunStep, Timing>> = $state({});
	pull: PullProgress | null = $state.raw(null);
	bytesPerSecond: number | null = $state(null);
	container: { id: string; name: string } | null = $state.raw(null);
	notices: string[] = $state([]);
	outcome: RunOutcome | null = $state.raw(null);
	error: HostError | null = $state.raw(null);
	/** A free host port, if the chosen one was taken. */
	freePort: { row: number; port: number } | null = $state.raw(null);
	cancelling = $state(false);
	/** Whether the image shipped with Slipway and was not pulled. */
	loaded = $state(false);
	/** Whether the plan has edits that closing the failed run would lose. */
	readonly edited: boolean;
	/** What was typed in the form as the sources of the mounts, for when it comes back. */
	mountSources: MountSources[] = [];

	/** Progress of the pull, the longest step, from 0 to 1; null before and after. */
	readonly pulled: number | null = $derived(
		this.step === "pull" && this.pull?.bytes_total ? this.pull.bytes_done / this.pull.bytes_total : null,
	);

	#id = operations.newId();
	#operation: Operation;
	#rate = new Rate();

	constructor(plan: RunPlan, entry: CatalogEntry | null, show: (run: Run) => void, edited = false) {
		this.plan = plan;
		this.entry = entry;
		this.edited = edited;
		this.#operation = operations.begin(this.#id, {
			title: `Run ${plan.name ?? plan.image}`,
			cancel: () => void this.cancel(),
			open: () => show(this),
		});
	}

	get title(): string {
		return this.container?.name ?? this.plan.name ?? this.plan.image;
	}

	/** Runs to the end. Never rejects: the outcome is in `state`. */
	async go() {
		try {
			this.outcome = await host.runStart(this.plan, this.#id, (event) => this.#hear(event));
			this.#endStep();
			this.state = "ready";
			operations.end(this.#operation, "done");
		} catch (thrown) {
			this.error = HostError.from(thrown);
			this.#endStep();
			this.state = this.error.kind === "cancelled" ? "cancelled" : "failed";
			// The sheet shows it, if it is open.
			operations.end(
				this.#operation,
				this.state,
				runRequests.current || this.state === "cancelled" ? null : this.error.error,
			);
			if (this.error.kind === "port_taken") await this.#findFreePort();
		}
	}

	async cancel() {
		if (this.state !== "running" || this.cancelling) return;
		this.cancelling = true;
		this.#operation.detail = "Cancelling";
		try {
			await host.operationCancel(this.#id);
		} catch {
			this.cancelling = false;
		}
	}

	/** The pull's progress in one line: "Downloading, 31 of 72 MB · 4.1 MB/s". */
	get pullLine(): string {
		const pull = this.pull;
		if (!pull) return "";
		if (pull.phase === "done") return bytes(pull.bytes_total ?? pull.bytes_done);
		const rate =
			pull.phase === "downloading" && this.bytesPerSecond ? ` · ${bytes(this.bytesPerSecond)}/s` : "";
		return `${pullStep(pull)}${rate}`;
	}

	#hear(event: RunEvent) {
		if (this.state !== "running") return;
		switch (event.type) {
			case "step":
				this.#endStep();
				this.step = event.step;
				this.timings[event.step] = { from: Date.now(), to: null };
				break;
			case "pull":
				this.pull = event.progress;
				if (event.progress.phase === "loading") this.loaded = true;
				this.bytesPerSecond = this.#rate.add(event.progress.bytes_done, Date.now());
				break;
			case "created":
				this.container = { id: event.id, name: event.name };
				break;
			case "notice":
				this.notices.push(event.message);
				break;
		}
		this.#operation.progress = this.pulled;
		if (this.cancelling || !this.step) return;
		this.#operation.detail =
			this.step === "pull" && this.pull && this.pull.phase !== "done" ? this.pullLine : doing[this.step];
	}

	#endStep() {
		const timing = this.step ? this.timings[this.step] : undefined;
		if (timing && timing.to === null) timing.to = Date.now();
	}

	async #findFreePort() {
		try {
			const { findings } = await host.runCheck(this.plan);
			for (const finding of findings) {
				const row = Number(/^ports\.(\d+)(\.|$)/.exec(finding.field)?.[1]);
				if (finding.free_port !== null && !Number.isNaN(row)) {
					this.freePort = { row, port: finding.free_port };
					return;
				}
			}
		} catch {
			// Without such an offer, the plan can still be edited by hand.
		}
	}
}
