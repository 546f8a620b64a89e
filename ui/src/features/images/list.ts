import type { ImageUser, ImageView } from "../../host/host";

/** Columns that the list can be sorted by. */
export type ImageColumn = "name" | "size" | "created" | "used";

export interface ImageSort {
	column: ImageColumn;
	descending: boolean;
}

/** A line of the list: the heading over untagged images, or an image. */
export type ImageItem =
	| { kind: "heading"; key: string; count: number }
	| { kind: "image"; key: string; image: ImageView };

/** Key of the heading over untagged images. */
export const UNTAGGED = "untagged";

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Whether an image has all the words in its tags, digests, id or the names of its users. */
export function matchesImage(image: ImageView, words: readonly string[]): boolean {
	const text = [...image.tags, ...image.digests, image.id, ...image.used_by.map(({ name }) => name)]
		.join(" ")
		.toLowerCase();
	return words.every((word) => text.includes(word));
}

/** The lines of the list, sorted; images without a tag last, under a heading of their own. */
export function imageItems(images: readonly ImageView[], filter: string, sort: ImageSort): ImageItem[] {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	const direction = sort.descending ? -1 : 1;
	const compare = (a: ImageView, b: ImageView): number => {
		switch (sort.column) {
			case "name":
				return names.compare(a.tags[0] ?? "", b.tags[0] ?? "");
			case "size":
				return a.size_bytes - b.size_bytes;
			case "created":
				return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0;
			case "used":
				return a.used_by.length - b.used_by.length;
		}
	};
	const sorted = images
		.filter((image) => matchesImage(image, words))
		.sort(
			(a, b) =>
				compare(a, b) * direction ||
				names.compare(a.tags[0] ?? "", b.tags[0] ?? "") ||
				(a.id < b.id ? -1 : 1),
		);
	const item = (image: ImageView): ImageItem => ({ kind: "image", key: image.id, image });
	const untagged = sorted.filter(({ tags }) => tags.length === 0);
	return [
		...sorted.filter(({ tags }) => tags.length > 0).map(item),
		...(untagged.length > 0 ? [{ kind: "heading" as const, key: UNTAGGED, count: untagged.length }] : []),
		...untagged.map(item),
	];
}

/** Why an image cannot be removed just so. */
export type InUse = "free" | "stopped" | "running";

/** Whether containers use an image; those that run keep it whatever one does. */
export function inUse(image: { used_by: readonly ImageUser[] }): InUse {
	if (image.used_by.some(({ running }) => running)) return "running";
	return image.used_by.length > 0 ? "stopped" : "free";
}

/** What an image is called: its first tag, or its short id. */
export function imageName(image: ImageView): string {
	return image.tags[0] ?? image.id.replace(/^sha256:/, "").slice(0, 12);
}

/** Names for a sentence: `a, b and c`. */
export function named(words: readonly string[], most = 6): string {
	if (words.length > most) return `${words.slice(0, most).join(", ")} and ${words.length - most} more`;
	return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : (words[0] ?? "");
}

/** What removing images would do, before anybody agrees to it. */
export interface RemovalPlan {
	title: string;
	/** What is removed; with force, also what only stopped containers use. */
	free: ImageView[];
	stopped: ImageView[];
	running: ImageView[];
	/** Sentences on what goes away with `force` or without. */
	goesAway: (force: boolean) => string[];
	/** Why some of them stay, one sentence each. */
	stays: string[];
}

export function removalPlan(images: readonly ImageView[]): RemovalPlan {
	const by = (use: InUse) => images.filter((image) => inUse(image) === use);
	const [free, stopped, running] = [by("free"), by("stopped"), by("running")];
	const users = (image: ImageView) =>
		named(image.used_by.filter((user) => user.running).map(({ name }) => name));
	return {
		title:
			images.length === 1 && images[0]
				? `Remove ${imageName(images[0])}?`
				: `Remove ${images.length} images?`,
		free,
		stopped,
		running,
		goesAway: (force) => {
			const going = force ? [...free, ...stopped] : free;
			if (going.length === 0) return [];
			const lines = [`The ${going.length === 1 ? "image" : "images"} ${named(going.map(imageName))}`];
			const more = going.flatMap(({ tags }) => tags.slice(1));
			if (more.length > 0)
				lines.push(`${more.length === 1 ? "Its other tag" : "Their other tags"} ${named(more)}`);
			lines.push("Layers that no other image shares; running it again downloads them again");
			return lines;
		},
		stays: running.map(
			(image) =>
				`${imageName(image)} stays: ${users(image)} ${image.used_by.filter((user) => user.running).length === 1 ? "runs" : "run"} from it.`,
		),
	};
}
