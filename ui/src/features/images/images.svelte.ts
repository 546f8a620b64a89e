import { bytesOf } from "../../format/bytes";
import {
	type ApiError,
	type Host,
	HostError,
	host,
	type ImageView,
	type PullProgress,
} from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { Lines } from "../../state/lines.svelte";
import { operations } from "../../state/operations.svelte";
import { remember, remembered } from "../../state/remembered";
import { runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import { type ImageColumn, type ImageItem, type ImageSort, imageItems, imageName } from "./list";

type ImageHost = Pick<Host, "imageList" | "imageRemove" | "imagePull" | "operationCancel" | "on">;

/** Changes that come in a bunch make one list. */
const REST = 400;

/** A pull that was started here. */
export class Pull {
	readonly id: string;
	readonly reference: string;
	progress: PullProgress | null = $state.raw(null);
	error: ApiError | null = $state.raw(null);
	cancelling = $state(false);

	constructor(id: string, reference: string) {
		this.id = id;
		this.reference = reference;
	}

	/** From 0 to 1; null while the size is not known, or while layers are unpacked. */
	share: number | null = $derived(
		this.progress?.bytes_total && this.progress.phase === "downloading"
			? this.progress.bytes_done / this.progress.bytes_total
			: null,
	);
	/** What it does now, in words. */
	words: string = $derived.by(() => {
		if (this.cancelling) return "Cancelling…";
		const { progress } = this;
		switch (progress?.phase) {
			case undefined:
			case "resolving":
				return "Asking the registry…";
			case "downloading":
				return progress.bytes_total === null
					? "Downloading…"
					: `Downloading, ${bytesOf(progress.bytes_done, progress.bytes_total)}`;
			case "extracting":
				return `Unpacking, ${progress.layers_done} of ${progress.layers_total} layers`;
			case "loading":
				return "Loading, it ships with Slipway";
			case "done":
				return "Done";
		}
	});
}

/** The images of the engine. Asked for again when they change while somebody looks. */
export class Images extends Lines<ImageItem> {
	all: ImageView[] = $state.raw([]);
	loaded = $state(false);
	error: HostError | null = $state.raw(null);
	pulls: Pull[] = $state.raw([]);
	/** Ids of images that are being removed. */
	removing: ReadonlySet<string> = $state.raw(new Set());
	/** What could not be removed, and why. */
	failures: { name: string; error: ApiError }[] = $state.raw([]);

	filterText = $state("");
	sort: ImageSort = $state.raw(remembered<ImageSort>("images.sort", { column: "name", descending: false }));
	items: ImageItem[] = $derived(imageItems(this.all, this.filterText, this.sort));
	shown: ImageView[] = $derived(this.items.flatMap((item) => (item.kind === "image" ? [item.image] : [])));
	selected: ImageView[] = $derived(
		this.ticked.size === 0 ? [] : this.shown.filter(({ id }) => this.ticked.has(id)),
	);

	readonly #host: ImageHost;
	#onScreen = false;
	#stale = true;
	/** Their number may have changed while nobody could see the window. */
	#miscounted = false;
	#busy = false;
	#started = false;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(from: ImageHost = host) {
		super();
		this.#host = from;
	}

	/** Listens for changes for as long as the window lives. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		try {
			// How many there are stands beside every screen.
			await this.#host.on("imagesChanged", () => this.#changed(true));
			// A container that comes or goes changes who uses what, which only this screen shows.
			await this.#host.on("containersChanged", () => this.#changed(false));
			document.addEventListener("visibilitychange", () => {
				if (!document.hidden && this.#miscounted) this.#changed(true);
			});
		} catch (thrown) {
			this.#started = false;
			this.error = HostError.from(thrown);
			return;
		}
		await this.load();
	}

	/** Says whether somebody looks. */
	look(onScreen: boolean) {
		this.#onScreen = onScreen;
		void this.start();
		if (onScreen && this.loaded && this.#stale) void this.load();
	}

	async load() {
		if (!this.#started) return this.start();
		if (this.#busy) {
			this.#stale = true;
			return;
		}
		this.#busy = true;
		this.#stale = false;
		this.#miscounted = false;
		try {
			this.all = await this.#host.imageList();
			this.error = null;
			this.loaded = true;
			counts.images = this.all.length;
		} catch (thrown) {
			this.error = HostError.from(thrown);
		} finally {
			this.#busy = false;
		}
		// `stale` may have been set while the answer was on its way.
		if (this.#stale) this.#changed(this.#miscounted);
	}

	#changed(counted: boolean) {
		this.#stale = true;
		this.#miscounted ||= counted;
		if (!this.#onScreen && (!this.#miscounted || document.hidden)) return;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.load(), REST);
	}

	sortBy(column: ImageColumn) {
		const descending = this.sort.column === column ? !this.sort.descending : column !== "name";
		this.sort = { column, descending };
		remember("images.sort", this.sort);
	}

	protected override tickable(line: ImageItem): boolean {
		return line.kind === "image";
	}

	protected override allKeys(): string[] {
		return this.shown.map(({ id }) => id);
	}

	/** Removes images with all their tags, one after the other; keeps why each of the others stayed. */
	async remove(images: readonly ImageView[], force: boolean) {
		this.removing = new Set([...this.removing, ...images.map(({ id }) => id)]);
		this.failures = [];
		const failures: { name: string; error: ApiError }[] = [];
		let removed = 0;
		for (const image of images) {
			try {
				for (const reference of image.tags.length > 0 ? image.tags : [image.id])
					await this.#host.imageRemove(reference, force);
				removed += 1;
			} catch (thrown) {
				const { error } = HostError.from(thrown);
				// Somebody else was faster: it is gone, as wanted.
				if (error.kind === "not_found") removed += 1;
				else failures.push({ name: imageName(image), error });
			}
		}
		const ids = new Set(images.map(({ id }) => id));
		this.removing = new Set([...this.removing].filter((id) => !ids.has(id)));
		this.ticked = new Set([...this.ticked].filter((id) => !ids.has(id)));
		this.failures = failures;
		await this.load();
		if (removed > 0 && failures.length === 0) {
			toasts.show(
				removed === 1 && images[0] ? `${imageName(images[0])} was removed` : `${removed} images were removed`,
				{ kind: "ok" },
			);
		}
	}

	/** Takes one of several tags away; the image stays. */
	async untag(tag: string) {
		try {
			await this.#host.imageRemove(tag, false);
			toasts.show(`The tag ${tag} was removed`, { kind: "ok" });
		} catch (thrown) {
			toasts.error(thrown);
		}
		await this.load();
	}

	/** Pulls an image. Several may be under way. */
	async pull(reference: string) {
		const wanted = reference.trim();
		if (wanted === "" || this.pulls.some((pull) => pull.reference === wanted && pull.error === null)) return;
		const pull = new Pull(operations.newId(), wanted);
		this.pulls = [...this.pulls.filter((other) => other.reference !== wanted), pull];
		const operation = operations.begin(pull.id, { title: `Pull ${wanted}`, cancel: () => this.cancel(pull) });
		try {
			await this.#host.imagePull(wanted, pull.id, (progress) => {
				pull.progress = progress;
				operation.detail = pull.words;
				operation.progress = pull.share;
			});
			operations.end(operation, "done");
			this.dismiss(pull);
			toasts.show(`${pull.progress?.image ?? wanted} is here`, {
				kind: "ok",
				actions: [{ label: "Run", run: () => runRequests.run(wanted) }],
			});
			await this.load();
		} catch (thrown) {
			const { error } = HostError.from(thrown);
			if (error.kind === "cancelled" || pull.cancelling) {
				operations.end(operation, "cancelled");
				this.dismiss(pull);
			} else {
				operations.end(operation, "failed");
				pull.error = error;
				if (!this.#onScreen) toasts.error(thrown, { title: `${wanted} could not be pulled` });
			}
		}
	}

	cancel(pull: Pull) {
		pull.cancelling = true;
		this.#host.operationCancel(pull.id).catch((thrown) => toasts.error(thrown));
	}

	/** Takes a pull that is over from the list. */
	dismiss(pull: Pull) {
		this.pulls = this.pulls.filter((other) => other !== pull);
	}
}

export const images = new Images();
