import { untrack } from "svelte";
import { type CatalogEntry, HostError, host, type RunDraft, type RunPlan } from "../../host/host";
import { announce } from "../../state/announcer.svelte";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { type Operation, operations } from "../../state/operations.svelte";
import { type RunRequest, runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import { type MountSources, PlanForm } from "./plan_form.svelte";
import { Run } from "./run.svelte";

/** A run that continues once the machine's engine responds. */
interface Waiting {
	what: string;
	how: "now" | "form";
	entry: CatalogEntry | null;
	operation: Operation;
}

/** The state of the run sheet: loads a draft, then shows its form or its progress. */
class Sheet {
	what = $state("");
	entry: CatalogEntry | null = $state.raw(null);
	form: PlanForm | null = $state.raw(null);
	run: Run | null = $state.raw(null);
	error: HostError | null = $state.raw(null);
	loading = $state(false);
	/** Whether the sheet asks for confirmation to discard edits. */
	asking = $state(false);
	/**
	 * The pending run that continues once the machine's engine responds, whether or not the sheet is open.
	 */
	waiting: Waiting[] = $state.raw([]);
	/** Whether the pending run is the one in the sheet. */
	readonly waits = $derived(this.waiting.find(({ what }) => what === this.what) ?? null);

	/** The request that opened the sheet. */
	how: "now" | "form" = $state("form");
	/** Whether the plan runs without a question once an engine responds. */
	readonly goesOn = $derived(
		this.how === "now" && (this.form === null || (this.form.runnable && !this.form.entry?.needs.length)),
	);
	/** Whether the draft was made without an engine: names and ports in use are then unknown. */
	#early = false;
	/** Whether the machine has been seen starting since the run became pending. */
	#underWay = false;
	#asked = 0;
	#toShow: Run | PlanForm | null = null;

	/** Opens for a request. */
	async take(request: RunRequest) {
		this.asking = false;
		if (request.how === "show") {
			// A draft still in flight belongs to the previous request.
			this.#asked += 1;
			this.loading = false;
			const back = this.#toShow;
			this.#leaveForm();
			this.error = null;
			this.run = back instanceof Run ? back : null;
			if (back instanceof PlanForm) {
				back.closed = false;
				this.form = back;
			}
			this.entry = back?.entry ?? null;
			this.what = request.what;
			return;
		}
		this.what = request.what;
		this.entry = request.entry;
		this.how = request.how;
		if (!engine.connected && machine.doing && machine.doing !== "Stopping") this.#wait();
		await this.load(request.how);
	}

	/** Loads the draft. With `now` it runs at once, unless input is required first. */
	async load(how: "now" | "form") {
		this.#asked += 1;
		const asked = this.#asked;
		this.#early = !engine.connected;
		this.run = null;
		this.#leaveForm();
		this.error = null;
		this.loading = true;
		let draft: RunDraft;
		try {
			draft = await host.runDraft(this.what);
		} catch (thrown) {
			if (asked !== this.#asked) return;
			this.error = HostError.from(thrown);
			this.loading = false;
			return;
		}
		if (asked !== this.#asked) return;
		this.loading = false;
		this.entry = draft.entry;
		const form = new PlanForm(draft);
		const { what } = this;
		form.show = () => this.#bringBack(form, what);
		// A needed service is offered before the plan runs without it.
		const needs = form.entry?.needs.length;
		if (how === "now" && form.runnable && !needs && engine.connected) this.start(form.plan);
		else this.form = form;
	}

	/** Starts the machine, and continues with the plan in the sheet once its engine responds. */
	async startMachine() {
		this.#wait();
		try {
			await machine.act("start");
		} catch (thrown) {
			this.#drop();
			throw thrown;
		}
	}

	/** The engine responds: the pending run continues. */
	async engineResponds() {
		const waiting = this.waiting;
		this.#drop();
		const isShown = runRequests.current !== null && this.run === null;
		const shown = isShown ? waiting.find(({ what }) => what === this.what) : undefined;
		if (isShown && this.form?.dirty) await this.form.checkNow();
		// Another engine than the one that was waited for is not the place to run something without asking.
		else if (shown) await this.load(machine.used ? shown.how : "form");
		else if (isShown && this.#early) await this.load("form");
		for (const other of waiting) if (other !== shown) await this.#goOn(other);
	}

	/** The machine's state has changed: if its start failed, the pending run is dropped. */
	machineMoved() {
		if (!this.waiting.length || engine.connected) return;
		if (machine.doing) this.#underWay = machine.doing !== "Stopping" || this.#underWay;
		const ended = ["absent", "stopped", "out_of_reach", "broken"].includes(machine.view?.state.is ?? "");
		if (!ended || !this.#underWay || machine.doing) return;
		const failed = machine.view?.state.is !== "stopped" && machine.view?.state.is !== "absent";
		for (const waiting of this.waiting)
			this.#giveUp(waiting, failed ? "The machine did not start" : "The start of the machine was cancelled");
	}

	/** Cancels the pending run of the sheet. */
	stopWaiting() {
		const { waits } = this;
		if (waits) this.#giveUp(waits);
	}

	/** Runs a plan and shows how it goes. */
	start(plan: RunPlan, edited = false, mountSources: MountSources[] = []) {
		const run = this.#begin(plan, this.entry, edited);
		run.mountSources = mountSources;
		this.#leaveForm();
		this.run = run;
	}

	/** Back to the form, with the plan that was run and the refused field marked. */
	async change(run: Run, edit: (plan: RunPlan) => RunPlan = (plan) => plan) {
		const check = { docker_run: "", docker_run_full: "", secrets: [], findings: [], local_folders: false };
		const plan = edit(run.plan);
		const edited = run.edited || JSON.stringify(plan) !== JSON.stringify(run.plan);
		const form = new PlanForm({ plan, entry: run.entry, image: null, check }, edited, run.mountSources);
		if (run.error?.field) form.refuse(run.error.field, run.error.error.message, run.error.error.hint);
		await form.checkNow();
		this.run = null;
		this.form = form;
	}

	retry(run: Run, edit: (plan: RunPlan) => RunPlan = (plan) => plan) {
		this.start(edit(run.plan), run.edited, run.mountSources);
	}

	/** Whether the sheet may close; asks first if edits would be lost. */
	mayClose(): boolean {
		const failed = this.run !== null && (this.run.state === "failed" || this.run.state === "cancelled");
		const dirty = failed ? this.run?.edited : !this.run && this.form?.dirty;
		this.asking = dirty ?? false;
		return !this.asking;
	}

	/** Closes the sheet, or asks first if edits would be lost. */
	requestClose() {
		if (this.mayClose()) this.close();
	}

	close() {
		this.#asked += 1;
		this.asking = false;
		this.#leaveForm();
		this.run = null;
		runRequests.close();
	}

	#leaveForm() {
		if (this.form) this.form.closed = true;
		this.form = null;
	}

	showContainer(id: string, tab: "overview" | "logs") {
		this.close();
		navigation.go("containers", { id, tab });
	}

	#begin(plan: RunPlan, entry: CatalogEntry | null, edited: boolean): Run {
		const run = new Run(
			$state.snapshot(plan) as RunPlan,
			entry,
			(it) => this.#bringBack(it, it.title),
			edited,
		);
		void run.go().then(() => this.#tell(run));
		return run;
	}

	#wait() {
		if (this.waits) return;
		const { what, entry } = this;
		const how = this.how;
		const operation = operations.begin(operations.newId(), {
			title: `Run ${entry?.name ?? what}`,
			cancel: () => this.#giveUp(waiting),
			open: () => runRequests.run(what, how, entry),
		});
		operation.detail = "Waiting for the machine";
		const waiting: Waiting = { what, how, entry, operation };
		if (!this.waiting.length) this.#underWay = false;
		this.waiting = [...this.waiting, waiting];
	}

	/** Cancels a pending run, and says what becomes of the machine. */
	#giveUp(waiting: Waiting, why: string | null = null) {
		operations.end(waiting.operation, "cancelled");
		this.waiting = this.waiting.filter((it) => it !== waiting);
		const starts = machine.doing !== null && machine.doing !== "Stopping";
		toasts.show(`${waiting.operation.title} was cancelled`, {
			detail: why ?? (starts ? "The machine continues to start" : null),
		});
	}

	#drop() {
		for (const { operation } of this.waiting) operations.end(operation, "done");
		this.waiting = [];
	}

	/** Continues a pending run that is not in the sheet. */
	async #goOn({ what, how, entry }: Waiting) {
		const name = entry?.name ?? what;
		const ask = () => runRequests.run(what, "form", entry);
		try {
			if (how === "now" && machine.used) {
				const draft = await host.runDraft(what);
				const form = new PlanForm(draft);
				if (form.runnable && !form.entry?.needs.length) {
					this.#begin(form.plan, draft.entry, false);
					return;
				}
			} else if (how === "form" && runRequests.current === null) {
				ask();
				return;
			}
			toasts.show(`The engine is ready to run ${name}`, { actions: [{ label: "Configure…", run: ask }] });
		} catch (thrown) {
			toasts.error(thrown);
		}
	}

	#bringBack(back: Run | PlanForm, what: string) {
		this.#toShow = back;
		// The sheet may show something else by now: the latest request wins.
		runRequests.run(what, "show", back.entry);
	}

	/** Reports the end of a run that is not on screen. */
	#tell(run: Run) {
		const looking = runRequests.current !== null && this.run === run;
		if (run.state === "ready" && run.outcome) {
			const { container, url, ready } = run.outcome;
			const title = ready
				? `${container.name} is ready`
				: `${container.name} is running, but not responding yet`;
			if (looking) {
				announce(title);
				return;
			}
			const show = {
				label: "Show",
				run: () => navigation.go("containers", { id: container.id, tab: "overview" }),
			};
			const open = url
				? [{ label: "Open", run: () => void host.openUrl(url).catch((thrown) => toasts.error(thrown)) }]
				: [];
			toasts.show(title, { kind: ready ? "ok" : "warn", detail: url, actions: [...open, show] });
		} else if (looking) {
			announce(run.state === "cancelled" ? "Cancelled" : `${run.title} failed`);
		} else if (run.state === "cancelled") {
			toasts.show(`Run ${run.title} was cancelled`, { detail: run.error?.undone.join(", ") || null });
		} else if (run.error) {
			toasts.error(run.error, { actions: [{ label: "Show", run: () => this.#bringBack(run, run.title) }] });
		}
	}
}

export const sheet = new Sheet();

// A pending run also waits while no sheet is open, so this effect outlives the component.
$effect.root(() => {
	$effect(() => {
		if (engine.connected) untrack(() => void sheet.engineResponds());
	});
	$effect(() => {
		void machine.view;
		void engine.state;
		untrack(() => sheet.machineMoved());
	});
});
