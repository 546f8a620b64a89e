import { type CatalogEntry, type ContainerView, host, type ImageView } from "../../host/host";
import { repository } from "./image_name";

/** An image of the entry that is on the engine. */
export interface LocalImage {
	reference: string;
	size: number;
}

/** The details of one entry, with its images and containers on the engine. */
export class EntryDetails {
	entry: CatalogEntry | null = $state.raw(null);
	/** Null until the engine has answered. */
	#images: ImageView[] | null = $state.raw(null);
	#containers: ContainerView[] | null = $state.raw(null);
	#stop: (() => void) | undefined;

	readonly images: LocalImage[] | null = $derived.by(() => {
		const { entry } = this;
		if (!entry || !this.#images) return null;
		return this.#images.flatMap((image) =>
			image.tags
				.filter((tag) => repository(tag) === entry.image)
				.map((reference) => ({ reference, size: image.size_bytes })),
		);
	});

	/** Containers of any of its images: running ones first. */
	readonly containers: ContainerView[] = $derived.by(() => {
		const { entry } = this;
		if (!entry || !this.#containers) return [];
		const running = (it: ContainerView) => Number(it.state !== "running");
		return this.#containers
			.filter((it) => repository(it.image) === entry.image)
			.sort((a, b) => running(a) - running(b));
	});

	/** Opens an entry, and follows the engine until it is closed. */
	async show(entry: CatalogEntry) {
		this.close();
		this.entry = entry;
		let open = true;
		const stops: (() => void)[] = [];
		this.#stop = () => {
			open = false;
			for (const stop of stops) stop();
		};
		const listen = async (stop: Promise<() => void>) => {
			const it = await stop;
			if (open) stops.push(it);
			else it();
		};
		const loadImages = () =>
			load(
				() => host.imageList(),
				(images) => {
					if (open) this.#images = images;
				},
			);
		const loadContainers = () =>
			load(
				() => host.containerList(),
				(list) => {
					if (open) this.#containers = list?.containers ?? null;
				},
			);
		await Promise.all([
			listen(host.on("containersChanged", loadContainers)),
			listen(host.on("imagesChanged", loadImages)),
			listen(host.on("engineStateChanged", () => void Promise.all([loadImages(), loadContainers()]))),
		]);
		await Promise.all([loadImages(), loadContainers()]);
	}

	close() {
		this.#stop?.();
		this.#stop = undefined;
		this.entry = null;
		this.#images = null;
		this.#containers = null;
	}
}

/** Without an engine there is nothing to load; its absence is shown elsewhere. */
async function load<Answer>(ask: () => Promise<Answer>, take: (answer: Answer | null) => void) {
	take(await ask().catch(() => null));
}
