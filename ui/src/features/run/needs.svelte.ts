import { pullStep } from "../../format/pull";
import {
	HostError,
	host,
	type NeededService,
	type RunEvent,
	type RunPlan,
	type ServiceContainer,
} from "../../host/host";
import { navigation } from "../../state/navigation.svelte";
import { operations } from "../../state/operations.svelte";
import type { PlanForm } from "./plan_form.svelte";
import { doing } from "./run.svelte";

/** A service that the image of a plan needs: run first, or reused. */
export class Need {
	readonly service: NeededService;
	state: "offered" | "doing" | "done" = $state("offered");
	/** The current step. */
	words = $state("");
	/** Progress of the pull from 0 to 1; null while unknown. */
	progress: number | null = $state(null);
	error: HostError | null = $state.raw(null);
	/** Notices of its run. */
	notices: string[] = $state.raw([]);
	/** The container that serves, once it is known. */
	container = $state("");
	network = $state("");
	/** The variables that were filled into the form, in words. */
	filled = $state("");

	#form: PlanForm;
	#operation: string | null = null;
	/** Full id of the container that its last run created. */
	#left: string | null = null;

	constructor(service: NeededService, form: PlanForm) {
		this.service = service;
		this.#form = form;
	}

	/** Runs the service, and fills its name and values into the form. */
	async run() {
		const id = operations.newId();
		const { entry } = this.service;
		this.#left = null;
		const operation = operations.begin(id, {
			title: `Run ${entry.name}`,
			cancel: () => this.cancel(),
			open: () => void this.#show(),
		});
		this.#operation = id;
		const failure = await this.#ask((plan) =>
			host.runNeeded(plan, entry.slug, id, (event) => {
				this.#hear(event);
				operation.detail = this.words;
				operation.progress = this.progress;
			}),
		);
		this.#operation = null;
		if (failure === null) operations.end(operation, "done");
		else if (failure.kind === "cancelled") operations.end(operation, "cancelled");
		// The form shows it, unless it was closed meanwhile.
		else operations.end(operation, "failed", this.#form.closed ? failure.error : null);
	}

	/** Uses a running container. */
	async use(container: ServiceContainer) {
		this.container = container.name;
		await this.#ask((plan) => host.runUse(plan, this.service.entry.slug, container.id));
	}

	cancel() {
		if (this.#operation) void host.operationCancel(this.#operation).catch(() => {});
		this.words = "Cancelling";
	}

	/** Shows what is told of its run: after a failure in the container, if that was left behind, else in the form. */
	async #show() {
		const id = this.error && this.#left;
		const exists =
			id !== null &&
			(await host.containerDetail(id).then(
				() => true,
				() => false,
			));
		if (exists) navigation.go("containers", { id });
		else this.#form.show?.();
	}

	/** Null when it went well. */
	async #ask(what: (plan: RunPlan) => Promise<RunPlan>): Promise<HostError | null> {
		this.state = "doing";
		this.words = "";
		this.progress = null;
		this.error = null;
		this.notices = [];
		try {
			const sent = $state.snapshot(this.#form.plan) as RunPlan;
			const plan = await what(sent);
			const names = this.#form.fill(sent, plan);
			this.network = plan.network ?? "";
			this.filled = names.length ? `Filled in: ${names.join(", ")}.` : "";
			this.state = "done";
			return null;
		} catch (thrown) {
			const error = HostError.from(thrown);
			this.error = error.kind === "cancelled" ? null : error;
			this.state = "offered";
			return error;
		}
	}

	#hear(event: RunEvent) {
		if (event.type === "step") {
			this.words = doing[event.step];
			this.progress = null;
		} else if (event.type === "created") {
			this.container = event.name;
			this.#left = event.id;
		} else if (event.type === "pull") {
			const { bytes_done: part, bytes_total: whole } = event.progress;
			this.words = pullStep(event.progress);
			this.progress = whole ? part / whole : null;
		} else if (event.type === "notice") {
			this.notices = [...this.notices, event.message];
		}
	}
}

/** The services that the image of a plan needs. */
export class Needs {
	/** In the order of the catalog. */
	all: Need[] = $state.raw([]);

	/** Loads them, unless the catalog entry needs none. */
	async load(form: PlanForm) {
		if (!form.entry?.needs.length || this.all.some(({ state }) => state !== "offered")) return;
		try {
			const services = await host.runNeeds($state.snapshot(form.plan) as RunPlan);
			const failed = new Map(this.all.map(({ service, error }) => [service.entry.slug, error]));
			this.all = services.map((service) => {
				const need = new Need(service, form);
				need.error = failed.get(service.entry.slug) ?? null;
				return need;
			});
		} catch {
			// The plan can still be filled in by hand, and shows what is missing.
			this.all = [];
		}
	}
}
