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
	/** Whose it is: an answer that comes after another engine was chosen is dropped. */
	#of: string | null = null;

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
				if (of) void this.load();
			});
		});
		return () => {
			this.#followed = false;
			clearTimeout(this.#timer);
			this.#timer = undefined;
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
		const of = this.#of;
		if (!of) return;
		this.loading = true;
		this.error = null;
		this.#stale = false;
		try {
			const usage = await host.engineDiskUsage();
			if (of === this.#of) this.now = usage;
		} catch (thrown) {
			if (of === this.#of) this.error = HostError.from(thrown).error;
		} finally {
			if (of === this.#of) {
				this.loading = false;
				this.#loadedAt = performance.now();
				if (this.#stale) this.#changed();
			}
		}
	}
}

export const diskUsage = new DiskUsage();
