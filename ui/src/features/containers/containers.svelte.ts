import {
	type ActionOutcome,
	type ContainerAction,
	type ContainerDelta,
	type ContainerView,
	type Host,
	HostError,
	host,
} from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { nextFrame } from "../../state/next_frame";
import { isDone, isUp } from "./status";

type ContainerHost = Pick<Host, "containerList" | "containerAct" | "containerRename" | "on">;

/** What someone asked of a container and what has not shown an effect yet. */
interface Pending {
	action: ContainerAction;
	/** Whether the engine has answered; what is left to come is the delta. */
	answered: boolean;
}

/** How long an answered action waits for its delta before the row shows the state that is known. */
const DELTA_PATIENCE = 3_000;

/**
 * All containers, as the backend last told. A snapshot first, then deltas; a delta that does not follow the
 * revision held means that one was missed, and a new snapshot is asked for.
 *
 * The containers are in a plain map and readers depend on `version`, which moves at most once a frame: a
 * storm of deltas costs one render.
 */
export class Containers {
	/** Moves when anything in the list has changed. */
	version = $state(0);
	/** Whether a first snapshot is here. */
	loaded = $state(false);
	/** Why the list could not be had. */
	error: HostError | null = $state.raw(null);
	/** What is under way, by id. */
	pending: ReadonlyMap<string, Pending> = $state.raw(new Map());
	/** How the last action failed, for the containers where it did. */
	failures: { action: ContainerAction; total: number; outcomes: ActionOutcome[] } | null = $state.raw(null);

	/** Everything, in no particular order. */
	all: ContainerView[] = $derived.by(() => {
		void this.version;
		return [...this.#byId.values()];
	});
	running: number = $derived(this.all.reduce((sum, container) => sum + (isUp(container) ? 1 : 0), 0));

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

	/** Follows the list for as long as the window lives. */
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

	/** Asks for the whole list. */
	async load() {
		if (!this.#started) return this.start();
		if (this.#loading) return;
		this.#loading = true;
		try {
			const snapshot = await this.#host.containerList();
			// A delta that was applied while the answer was on its way may be newer than the answer.
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

	/** Does one thing to containers, and says on their rows that it is under way until it shows. */
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
		const failed = outcomes.filter(({ error }) => error !== null && error.kind !== "cancelled");
		if (failed.length > 0) this.failures = { action, total: free.length, outcomes: failed };
		else if (this.failures?.outcomes.some(({ id }) => free.includes(id))) this.failures = null;
		return outcomes;
	}

	/** Gives a container another name. Rejects with why that is not possible. */
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
