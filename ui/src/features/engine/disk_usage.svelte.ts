import { type ApiError, type DiskUsageView, HostError, host } from "../../host/host";
import { engine } from "../../state/engine.svelte";

/** What the engine that is used keeps on its disk. Added up only while somebody looks: it costs the engine a walk. */
class DiskUsage {
	now: DiskUsageView | null = $state.raw(null);
	loading = $state(false);
	error: ApiError | null = $state.raw(null);
	/** Whose it is: an answer that comes after another engine was chosen is dropped. */
	#of: string | null = null;

	/** Loads it for the engine that is used, and again for another one, until the returned function is called. */
	follow(): () => void {
		return $effect.root(() => {
			const address = $derived(engine.connected ? (engine.view?.address ?? null) : null);
			$effect(() => {
				const of = address;
				if (of !== this.#of) this.now = null;
				this.#of = of;
				this.error = null;
				if (of) void this.load();
			});
		});
	}

	async load() {
		const of = this.#of;
		if (!of) return;
		this.loading = true;
		this.error = null;
		try {
			const usage = await host.engineDiskUsage();
			if (of === this.#of) this.now = usage;
		} catch (thrown) {
			if (of === this.#of) this.error = HostError.from(thrown).error;
		} finally {
			if (of === this.#of) this.loading = false;
		}
	}
}

export const diskUsage = new DiskUsage();
