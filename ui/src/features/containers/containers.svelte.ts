import {
	type ActionOutcome,
	type ApiError,
	type ContainerAction,
	type ContainerDelta,
	type ContainerView,
	type Host,
	HostError,
	host,
} from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { nextFrame } from "../../state/next_frame";
import { countsAsRunning, hasProblem, isDone } from "./status";

type ContainerHost = Pick<Host, "containerList" | "containerAct" | "containerRename" | "on">;

/** An action in progress on a container. */
interface Pending {
	action: ContainerAction;
	/** Whether the engine has answered; only the delta is missing then. */
	answered: boolean;
}

/** An engine may name the container by its full id. */
function withoutIds(error: ApiError, { id, name }: ActionOutcome): ApiError {
	const message = error.message.replaceAll(id, name).replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");
	return { ...error, message };
}

/** The last action on containers, of which some failed. */
export interface Failures {
	action: ContainerAction;
	total: number;
	outcomes: ActionOutcome[];
}

/** How long to wait for the delta of an answered action before the row shows the known state again. */
const DELTA_PATIENCE = 3_000;

/**
 * All containers as last reported by the backend: a snapshot, then deltas. A delta that does not follow the
 * current revision means that one was missed; a new snapshot is then requested.
 *
 * The containers are in a plain map and readers depend on `version`, which changes at most once a frame: a
 * burst of deltas costs one render.
 */
export class Containers {
	/** Changes with anything in the list. */
	version = $state(0);
	/** Whether the first snapshot has arrived. */
	loaded = $state(false);
	/** Why the list could not be loaded. */
	error: HostError | null = $state.raw(null);
	/** Actions in progress, by id. */
	pending: ReadonlyMap<string, Pending> = $state.raw(new Map());
	failures: Failures | null = $state.raw(null);

	/** All containers, in no particular order. */
	all: ContainerView[] = $derived.by(() => {
		void this.version;
		return [...this.#byId.values()];
	});
	running: number = $derived(this.all.filter((container) => countsAsRunning(container)).length);
	/** How many need attention, running or stopped. */
	troubled: number = $derived(this.all.filter((container) => hasProblem(container)).length);

	readonly #host: ContainerHost;
	readonly #schedule: (run: () => void) => void;
	readonly #byId = new Map<string, ContainerView>();
	#revision = -1;
	#queued: ContainerDelta[] = [];
	#loading = false;
	#scheduled = false;
	#started = false;

	constructor(from: ContainerHost = host, schedule: (run: () => void) => void = nextFrame) {
		this.#host = from;
		this.#schedule = schedule;
	}

	/** Follows the list for the life of the window. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		try {
			await this.#host.on("containersChanged", (delta) => this.#receive(delta));
		} catch (thrown) {
			this.#started = false;
			this.error = HostError.from(thrown);
			return;
		}
		await this.load();
	}

	/** Requests a snapshot. */
	async load() {
		if (!this.#started) return this.start();
		if (this.#loading) return;
		this.#loading = true;
		try {
			const snapshot = await this.#host.containerList();
			// A delta that arrived while the request was in flight may be newer than its answer.
			if (snapshot.revision >= this.#revision) {
				this.#byId.clear();
				for (const container of snapshot.containers) this.#byId.set(container.id, container);
				this.#revision = snapshot.revision;
			}
			this.error = null;
			this.loaded = true;
			this.#touch();
		} catch (thrown) {
			this.error = HostError.from(thrown);
			return;
		} finally {
			this.#loading = false;
		}
		const queued = this.#queued;
		this.#queued = [];
		for (const delta of queued) this.#receive(delta);
	}

	/** A container by its full id. Depends on `version`. */
	get(id: string): ContainerView | undefined {
		void this.version;
		return this.#byId.get(id);
	}

	/** Applies an action to containers, and marks their rows as busy until the effect shows. */
	async act(ids: readonly string[], action: ContainerAction): Promise<ActionOutcome[]> {
		const free = ids.filter((id) => !this.pending.has(id) && this.#byId.has(id));
		if (free.length === 0) return [];
		this.#pend(free, { action, answered: false });
		let outcomes: ActionOutcome[];
		try {
			outcomes = await this.#host.containerAct([...free], action);
		} catch (thrown) {
			const { error } = HostError.from(thrown);
			outcomes = free.map((id) => ({ id, name: this.#byId.get(id)?.name ?? id, changed: false, error }));
		}
		const settled = outcomes.filter(
			({ id, changed, error }) => error !== null || !changed || isDone(this.#byId.get(id), action),
		);
		this.#settle(settled.map(({ id }) => id));
		const waiting = free.filter((id) => this.pending.get(id)?.action === action);
		if (waiting.length > 0) {
			this.#pend(waiting, { action, answered: true });
			setTimeout(() => this.#settle(waiting.filter((id) => this.pending.get(id)?.answered)), DELTA_PATIENCE);
		}
		const failed = outcomes
			.filter(({ error }) => error !== null && error.kind !== "cancelled")
			.map((outcome) => ({ ...outcome, error: outcome.error && withoutIds(outcome.error, outcome) }));
		if (failed.length > 0) this.failures = { action, total: free.length, outcomes: failed };
		else if (this.failures?.outcomes.some(({ id }) => free.includes(id))) this.failures = null;
		return outcomes;
	}

	/** Renames a container. Rejects with the reason if that is not possible. */
	async rename(id: string, name: string) {
		await this.#host.containerRename(id, name);
	}

	#receive(delta: ContainerDelta) {
		if (this.#loading) {
			this.#queued.push(delta);
			return;
		}
		if (delta.revision <= this.#revision) return;
		if (!delta.reset && delta.revision !== this.#revision + 1) {
			void this.load();
			return;
		}
		if (delta.reset) this.#byId.clear();
		for (const container of delta.upserted) this.#byId.set(container.id, container);
		for (const id of delta.removed) this.#byId.delete(id);
		this.#revision = delta.revision;
		this.loaded = true;
		this.error = null;
		if (this.pending.size > 0) {
			this.#settle(
				[...this.pending].filter(([id, { answered }]) => answered || !this.#byId.has(id)).map(([id]) => id),
			);
		}
		this.#touch();
	}

	#touch() {
		if (this.#scheduled) return;
		this.#scheduled = true;
		this.#schedule(() => {
			this.#scheduled = false;
			this.version += 1;
			counts.containers = this.#byId.size;
			counts.running = this.running;
		});
	}

	#pend(ids: readonly string[], pending: Pending) {
		const next = new Map(this.pending);
		for (const id of ids) next.set(id, pending);
		this.pending = next;
	}

	#settle(ids: readonly string[]) {
		if (!ids.some((id) => this.pending.has(id))) return;
		const next = new Map(this.pending);
		for (const id of ids) next.delete(id);
		this.pending = next;
	}
}

/** The one list of the window. */
export const containers = new Containers();
