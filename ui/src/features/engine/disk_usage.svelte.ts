import { type ApiError, type DiskUsageView, HostError, host } from "../../host/host";
import { engine } from "../../state/engine.svelte";

/**
 * Changes come in bursts, and computing usage is expensive: it is loaded this long after the first change …
 */
const REST = 1000;
/** … and at the earliest this long after the previous load. */
const PAUSE = 5000;

/**
 * Disk usage of the engine in use. Loaded only while it is on screen, because it is expensive for the engine.
 */
class DiskUsage {
	now: DiskUsageView | null = $state.raw(null);
	loading = $state(false);
	error: ApiError | null = $state.raw(null);
	#of: string | null = null;
	/** Number of the newest load. Answers to older ones, or of an engine no longer in use, are dropped. */
	#load = 0;

	#followed = false;
	/** Whether the disk may have changed since the last load. */
	#stale = false;
	#listens = false;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#loadedAt = Number.NEGATIVE_INFINITY;

	/**
	 * Loads the usage of the engine in use, again for another engine, and after changes, until the returned
	 * function is called.
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
			// An answer still in flight is dropped.
			this.#load += 1;
			this.loading = false;
			end();
		};
	}

	/** Subscribes to changes for the life of the window. */
	async #listen() {
		if (this.#listens) return;
		this.#listens = true;
		try {
			await host.on("imagesChanged", () => this.#changed());
			await host.on("volumesChanged", () => this.#changed());
			// Snapshots arrive repeatedly, whether or not anything has changed.
			await host.on("containersChanged", (delta) => {
				if (!delta.reset) this.#changed();
			});
			document.addEventListener("visibilitychange", () => {
				if (this.#stale) this.#changed();
			});
		} catch {
			// The button remains, and the next visit tries again.
			this.#listens = false;
		}
	}

	#changed() {
		this.#stale = true;
		if (!this.#followed || document.hidden || this.#timer !== undefined) return;
		const wait = Math.max(REST, this.#loadedAt + PAUSE - performance.now());
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			// Changes that arrived during this load cause another one.
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
