import { bytes } from "../../format/bytes";
import { plural } from "../../format/numbers";
import {
	type Host,
	HostError,
	host,
	type ImagesRemoval,
	type ImageUsage,
	type ImageView,
	type RemovalProgress,
} from "../../host/host";
import { operations } from "../../state/operations.svelte";

type RemovalHost = Pick<Host, "imageUsage" | "imagesRemoveUnused" | "operationCancel">;

/** The removal of images that no container uses: preview, progress, result. */
export class UnusedRemoval {
	usage: ImageUsage | null = $state.raw(null);
	error: HostError | null = $state.raw(null);
	/** Only images without a tag. */
	untaggedOnly = $state(false);
	progress: RemovalProgress | null = $state.raw(null);
	running = $state(false);
	cancelling = $state(false);
	result: ImagesRemoval | null = $state.raw(null);

	chosen: ImageView[] = $derived(
		(this.usage?.unused ?? []).filter(({ tags }) => !this.untaggedOnly || tags.length === 0),
	);
	/** The estimated space to be freed, in words: the engine does not say which images share their layers. */
	frees: string = $derived.by(() => {
		if (!this.usage) return "";
		const { at_least, at_most } = this.untaggedOnly
			? this.usage.reclaimable_untagged
			: this.usage.reclaimable;
		if (at_least === null) return `up to ${bytes(at_most)}`;
		return at_least >= at_most ? bytes(at_least) : `${bytes(at_least)} to ${bytes(at_most)}`;
	});
	/** The result, in words. */
	outcome: string = $derived.by(() => {
		if (!this.result) return "";
		const { removed, freed_bytes, cancelled } = this.result;
		const freed = freed_bytes === null ? "" : `, ${bytes(freed_bytes)} freed`;
		return `${plural(removed, "image")} removed${freed}${cancelled ? "; the rest was cancelled" : ""}`;
	});

	readonly #host: RemovalHost;
	#operation = "";

	constructor(from: RemovalHost = host) {
		this.#host = from;
	}

	/** Loads the preview. */
	async look() {
		this.usage = null;
		this.error = null;
		this.result = null;
		this.progress = null;
		this.untaggedOnly = false;
		try {
			this.usage = await this.#host.imageUsage();
		} catch (thrown) {
			this.error = HostError.from(thrown);
		}
	}

	async start() {
		if (this.running || this.chosen.length === 0) return;
		this.running = true;
		this.cancelling = false;
		this.error = null;
		this.#operation = operations.newId();
		const operation = operations.begin(this.#operation, {
			title: "Remove unused images",
			cancel: () => this.cancel(),
		});
		try {
			const ids = this.chosen.map(({ id }) => id);
			this.result = await this.#host.imagesRemoveUnused(ids, this.#operation, (progress) => {
				this.progress = progress;
				operation.detail = `${progress.done} of ${progress.total}`;
				operation.progress = progress.done / Math.max(progress.total, 1);
			});
			operations.end(operation, this.result.cancelled ? "cancelled" : "done");
		} catch (thrown) {
			this.error = HostError.from(thrown);
			operations.end(operation, "failed");
		} finally {
			this.running = false;
		}
	}

	cancel() {
		this.cancelling = true;
		this.#host.operationCancel(this.#operation).catch(() => {});
	}
}
