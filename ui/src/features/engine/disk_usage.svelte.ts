import { type ApiError, type DiskUsageView, HostError, host } from "../../host/host";
import { engine } from "../../state/engine.svelte";

/** What changes comes in bursts, and adding up is dear: it is done this long after the first change … */
const REST = 1000;
/** … and this long after the last time, at the earliest. */
const PAUSE = 5000;

/** What the engine that is used keeps on its disk. Added up only while somebody looks: it costs the engine a walk. */
class DiskUsage {
	now: DiskUsageView | null = $state.raw(null);
	loading = $state(false);
	error: ApiError | null = $state.raw(null);
	#of: string | null = null;
	/** Which load is the newest. An answer to an older one, or of an engine that is not used any more, is dropped. */
	#load = 0;

	#followed = false;
	/** Whether something on the disk may be different from what was added up. */
	#stale = false;
	#listens = false;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#loadedAt = Number.NEGATIVE_INFINITY;

	/**
	 * Loads it for the engine that is used, again for another one, and after what changes it, until the returned function is
	 * called.
	 */
	follow(): () => void {
		void this.#listen();
		this.#followed = true;
		const end = $effect.root(() => {
			const address = $derived(engine.connected ? (engine.view?.address ?? null) : null);
			$effect(() => {
				const of = address;
				if (of !== this.#of) this.now = null;
				this.#of = of;
				this.error = null;
				this.loading = false;
				this.#load += 1;
				if (of) void this.load();
			});
		});
		return () => {
			this.#followed = false;
			clearTimeout(this.#timer);
			this.#timer = undefined;
			// An answer that is still to come is for nobody.
			this.#load += 1;
			this.loading = false;
			end();
		};
	}

	/** Listens for changes, for as long as the window lives. */
	async #listen() {
		if (this.#listens) return;
		this.#listens = true;
		try {
			await host.on("imagesChanged", () => this.#changed());
			await host.on("volumesChanged", () => this.#changed());
			// A list that is told as a whole is told again and again, whether or not anything is different.
			await host.on("containersChanged", (delta) => {
				if (!delta.reset) this.#changed();
			});
			document.addEventListener("visibilitychange", () => {
				if (this.#stale) this.#changed();
			});
		} catch {
			// The button is left, and the next look tries again.
			this.#listens = false;
		}
	}

	#changed() {
		this.#stale = true;
		if (!this.#followed || document.hidden || this.#timer !== undefined) return;
		const wait = Math.max(REST, this.#loadedAt + PAUSE - performance.now());
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			// Whoever waits for the answer hears of what has changed meanwhile after that.
			if (!this.loading) void this.load();
		}, wait);
	}

	async load() {
		if (!this.#of) return;
		this.#load += 1;
		const load = this.#load;
		this.loading = true;
		this.error = null;
		this.#stale = false;
		try {
			const usage = await host.engineDiskUsage();
			if (load === this.#load) this.now = usage;
		} catch (thrown) {
			if (load === this.#load) this.error = HostError.from(thrown).error;
		} finally {
			if (load === this.#load) {
				this.loading = false;
				this.#loadedAt = performance.now();
				if (this.#stale) this.#changed();
			}
		}
	}
}

export const diskUsage = new DiskUsage();
