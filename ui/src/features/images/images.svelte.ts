import { untrack } from "svelte";
import { pullStep } from "../../format/pull";
import {
	type ApiError,
	type Host,
	HostError,
	host,
	type ImageView,
	type PullProgress,
} from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { engine } from "../../state/engine.svelte";
import { Lines } from "../../state/lines.svelte";
import { missingEngine } from "../../state/missing_engine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { operations } from "../../state/operations.svelte";
import { remember, remembered } from "../../state/remembered";
import { runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import {
	type ImageColumn,
	type ImageItem,
	type ImageLine,
	type ImageSort,
	imageItems,
	imageName,
	isWhole,
	type Removal,
	removalsOf,
} from "./list";

type ImageHost = Pick<
	Host,
	"imageList" | "imageUsage" | "imageRemove" | "imagePull" | "operationCancel" | "on"
>;

/** A burst of changes causes one list request. */
const REST = 400;

/** A pull that was started in this window. */
export class Pull {
	readonly id: string;
	readonly reference: string;
	progress: PullProgress | null = $state.raw(null);
	error: ApiError | null = $state.raw(null);
	cancelling = $state(false);
	/** It ships with Slipway: nothing was downloaded. */
	loaded = false;
	/** Whether the engine had the image before. */
	readonly update: boolean;

	constructor(id: string, reference: string, update = false) {
		this.id = id;
		this.reference = reference;
		this.update = update;
	}

	/** The image's full name, as soon as it is known. */
	get name(): string {
		return this.progress?.image ?? this.reference;
	}

	moved(progress: PullProgress) {
		this.progress = progress;
		this.loaded ||= progress.phase === "loading";
	}

	/** From 0 to 1; null while the size is unknown, or while layers are being unpacked. */
	share: number | null = $derived(
		this.progress?.bytes_total && this.progress.phase === "downloading"
			? this.progress.bytes_done / this.progress.bytes_total
			: null,
	);
	/** The current step, in words. */
	words: string = $derived(this.cancelling ? "Cancelling" : pullStep(this.progress));
}

/** The images of the engine. Listed again when they change while the screen is open. */
export class Images extends Lines<ImageItem> {
	all: ImageView[] = $state.raw([]);
	loaded = $state(false);
	error: HostError | null = $state.raw(null);
	/** Disk usage of all images, shared layers counted once; null while unknown. */
	totalBytes: number | null = $state(null);
	pulls: Pull[] = $state.raw([]);
	/** Keys of lines whose removal is in progress. */
	removing: ReadonlySet<string> = $state.raw(new Set());
	/** Removals that failed, with the reason. */
	failures: { name: string; error: ApiError }[] = $state.raw([]);

	filterText = $state("");
	sort: ImageSort = $state.raw(remembered<ImageSort>("images.sort", { column: "name", descending: false }));
	items: ImageItem[] = $derived(imageItems(this.all, this.filterText, this.sort));
	shown: ImageLine[] = $derived(this.items.flatMap((item) => (item.kind === "image" ? [item] : [])));
	selected: ImageLine[] = $derived(
		this.ticked.size === 0 ? [] : this.shown.filter(({ key }) => this.ticked.has(key)),
	);
	/** The images and references that removing the selected lines removes. */
	selectedRemovals: Removal[] = $derived(removalsOf(this.selected));

	readonly #host: ImageHost;
	#onScreen = false;
	#stale = true;
	/** The number of images may have changed while the window was hidden. */
	#miscounted = false;
	#busy = false;
	/** The images whose disk usage is known or requested. */
	#measured = "";
	/** Changes when an engine goes. */
	#engine = 0;
	#started = false;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(from: ImageHost = host) {
		super();
		this.#host = from;
	}

	/** Subscribes to changes for the life of the window. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		try {
			// The navigation shows the number of images on every screen.
			await this.#host.on("imagesChanged", () => this.#changed(true));
			// A container that is created or removed changes who uses an image, which only this screen shows.
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
		this.#followEngine();
	}

	/** What one engine had is no answer once it is gone; the next one is asked as soon as it is connected. */
	#followEngine() {
		let from = engine.connected ? engine.view?.address : null;
		$effect.root(() => {
			$effect(() => {
				if (missingEngine.now) untrack(() => this.forget());
				const at = engine.connected ? engine.view?.address : null;
				if (at && (at !== from || untrack(() => this.error !== null || !this.loaded)))
					untrack(() => void this.load());
				from = at;
			});
		});
	}

	/** Sets whether the screen is open. */
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
		const asked = this.#engine;
		try {
			const all = await this.#host.imageList();
			// Not the answer of an engine that has gone meanwhile.
			if (asked === this.#engine) {
				this.all = all;
				const keys = new Set(imageItems(all, "", this.sort).map(({ key }) => key));
				this.prune((key) => keys.has(key));
				this.error = null;
				this.loaded = true;
				counts.images = this.all.length;
				this.#forgetFailures();
				if (this.#onScreen) void this.#measure();
			}
		} catch (thrown) {
			if (asked === this.#engine) this.error = HostError.from(thrown);
		} finally {
			this.#busy = false;
		}
		// `stale` may have been set while the request was in flight.
		if (this.#stale) this.#changed(this.#miscounted);
	}

	/** Forgets everything about an engine that is gone. The next `load` lists the images of the next one. */
	forget() {
		this.#engine += 1;
		this.#measured = "";
		this.all = [];
		this.loaded = false;
		this.error = null;
		this.totalBytes = null;
		this.failures = [];
		this.clearSelection();
		counts.images = null;
	}

	/** Requests the disk usage if the set of images has changed: the engine has to compute it. */
	async #measure() {
		const ids = this.all
			.map(({ id }) => id)
			.sort()
			.join();
		if (ids === this.#measured) return;
		this.#measured = ids;
		try {
			const usage = await this.#host.imageUsage();
			if (this.#measured === ids) this.totalBytes = usage.total_bytes;
		} catch {
			// A failure must not hide the list; only the total is omitted.
			if (this.#measured === ids) [this.totalBytes, this.#measured] = [null, ""];
		}
	}

	/** A failed pull is obsolete once the image is here, however it got there. */
	#forgetFailures() {
		const tags = new Set(this.all.flatMap((image) => image.tags));
		const here = (name: string) => tags.has(name) || tags.has(`${name}:latest`);
		if (this.pulls.some((pull) => pull.error && !pull.update && here(pull.name)))
			this.pulls = this.pulls.filter((pull) => !pull.error || pull.update || !here(pull.name));
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
		return this.shown.map(({ key }) => key);
	}

	/** Removes images, or some of their references, one after the other; keeps the reason of each failure. */
	async remove(removals: readonly Removal[], force: boolean) {
		const keys = new Set(
			removals.flatMap(({ image, references }) => (references.length > 0 ? references : [image.id])),
		);
		this.removing = new Set([...this.removing, ...keys]);
		this.failures = [];
		const failures: { name: string; error: ApiError }[] = [];
		const removed: Removal[] = [];
		for (const removal of removals) {
			const { image, references } = removal;
			try {
				for (const reference of references.length > 0 ? references : [image.id])
					await this.#host.imageRemove(reference, image.id, force && isWhole(removal));
				removed.push(removal);
			} catch (thrown) {
				const { error } = HostError.from(thrown);
				// It is already gone, as wanted.
				if (error.kind === "not_found") removed.push(removal);
				else failures.push({ name: isWhole(removal) ? imageName(image) : references.join(", "), error });
			}
		}
		this.removing = new Set([...this.removing].filter((key) => !keys.has(key)));
		this.ticked = new Set([...this.ticked].filter((key) => !keys.has(key)));
		this.failures = failures;
		await this.load();
		const [first] = removed;
		if (!first || failures.length > 0) return;
		toasts.show(
			removed.length > 1
				? removed.every(isWhole)
					? `${removed.length} images were removed`
					: "The references were removed"
				: isWhole(first)
					? `${imageName(first.image)} was removed`
					: `The ${first.references.length === 1 ? "tag" : "tags"} ${first.references.join(", ")} ${first.references.length === 1 ? "was" : "were"} removed; the image stays`,
			{ kind: "ok" },
		);
	}

	/** Pulls an image; resolves to whether it is here afterwards. Several pulls can be in progress. */
	async pull(reference: string): Promise<boolean> {
		const wanted = reference.trim();
		if (wanted === "" || this.pulls.some((pull) => pull.reference === wanted && pull.error === null))
			return true;
		const here = this.all.some(({ tags }) => tags.includes(wanted) || tags.includes(`${wanted}:latest`));
		const pull = new Pull(operations.newId(), wanted, here);
		this.pulls = [pull, ...this.pulls.filter((other) => other.reference !== wanted)];
		const operation = operations.begin(pull.id, {
			title: `Pull ${wanted}`,
			cancel: () => this.cancel(pull),
			open: () => navigation.go("images"),
		});
		try {
			await this.#host.imagePull(wanted, pull.id, (progress) => {
				pull.moved(progress);
				operation.detail = pull.words;
				operation.progress = pull.share;
			});
			operations.end(operation, "done");
			// A later success takes the failures before it away.
			this.pulls = this.pulls.filter((other) => other !== pull && !other.error);
			toasts.show(`${pull.name} was ${pull.loaded ? "loaded" : "pulled"}`, {
				kind: "ok",
				actions: [{ label: "Run…", run: () => runRequests.run(wanted) }],
			});
			await this.load();
			return true;
		} catch (thrown) {
			const { error } = HostError.from(thrown);
			if (error.kind === "cancelled" || pull.cancelling) {
				operations.end(operation, "cancelled");
				this.dismiss(pull);
			} else {
				// The navigation shows it until it is seen.
				operations.end(operation, "failed", this.#onScreen ? null : error);
				pull.error = error;
				if (!this.#onScreen) toasts.error(thrown, { title: `${pull.name} could not be pulled` });
			}
			return false;
		}
	}

	cancel(pull: Pull) {
		pull.cancelling = true;
		this.#host.operationCancel(pull.id).catch((thrown) => toasts.error(thrown));
	}

	/** Removes a finished pull from the list. */
	dismiss(pull: Pull) {
		this.pulls = this.pulls.filter((other) => other !== pull);
	}
}

export const images = new Images();
