import { type CatalogEntry, HostError, host, type RunDraft, type RunPlan } from "../../host/host";
import { announce } from "../../state/announcer.svelte";
import { engine } from "../../state/engine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { type RunRequest, runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import { PlanForm } from "./plan_form.svelte";
import { Run } from "./run.svelte";

/** What the run sheet shows: it loads a draft, then its form or its progress. */
class Sheet {
	what = $state("");
	entry: CatalogEntry | null = $state.raw(null);
	form: PlanForm | null = $state.raw(null);
	run: Run | null = $state.raw(null);
	error: HostError | null = $state.raw(null);
	loading = $state(false);

	#asked = 0;
	#toShow: Run | null = null;

	/** Opens for a request. */
	async take(request: RunRequest) {
		if (request.how === "show") {
			// A draft that is still on its way belongs to what was shown before.
			this.#asked += 1;
			this.loading = false;
			this.run = this.#toShow;
			this.form = null;
			this.error = null;
			this.entry = this.run?.entry ?? null;
			this.what = request.what;
			return;
		}
		this.what = request.what;
		this.entry = request.entry;
		await this.load(request.how);
	}

	/** Asks for the draft. With `now` it runs at once, unless something has to be decided first. */
	async load(how: "now" | "form") {
		this.#asked += 1;
		const asked = this.#asked;
		this.run = null;
		this.form = null;
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
		if (how === "now" && form.runnable && engine.connected) this.start(form.plan);
		else this.form = form;
	}

	/** Runs a plan and shows how it goes. */
	start(plan: RunPlan) {
		const run = new Run($state.snapshot(plan) as RunPlan, this.entry, (it) => this.#bringBack(it));
		this.form = null;
		this.run = run;
		void run.go().then(() => this.#tell(run));
	}

	/** Back to the form, with the plan as it was run. */
	async change(run: Run, edit: (plan: RunPlan) => RunPlan = (plan) => plan) {
		const plan = edit(run.plan);
		this.run = null;
		this.form = new PlanForm({
			plan,
			entry: run.entry,
			image: null,
			check: { docker_run: "", docker_run_full: "", findings: [] },
		});
		await this.form.checkNow();
	}

	retry(run: Run, edit: (plan: RunPlan) => RunPlan = (plan) => plan) {
		this.start(edit(run.plan));
	}

	close() {
		this.#asked += 1;
		this.form = null;
		this.run = null;
		runRequests.close();
	}

	showContainer(id: string, tab: "overview" | "logs") {
		this.close();
		navigation.go("containers", { id, tab });
	}

	#bringBack(run: Run) {
		this.#toShow = run;
		// The sheet may be open with something else: what is asked for last is shown.
		runRequests.run(run.title, "show", run.entry);
	}

	/** Says how a run ended that nobody is looking at. */
	#tell(run: Run) {
		const looking = runRequests.current !== null && this.run === run;
		if (run.state === "ready" && run.outcome) {
			const { container, url, ready } = run.outcome;
			const title = ready ? `${container.name} is ready` : `${container.name} runs, but does not answer yet`;
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
			toasts.error(run.error, { actions: [{ label: "Show", run: () => this.#bringBack(run) }] });
		}
	}
}

export const sheet = new Sheet();
