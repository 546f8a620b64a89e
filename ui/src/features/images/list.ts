import { shownReference } from "../../format/image_reference";
import { plural } from "../../format/numbers";
import type { ImageUser, ImageView } from "../../host/host";

/** Columns that the list can be sorted by. */
export type ImageColumn = "name" | "size" | "created" | "used";

export interface ImageSort {
	column: ImageColumn;
	descending: boolean;
}

/** A line for one reference of an image, or for an untagged image. */
export interface ImageLine {
	kind: "image";
	/** The reference; if untagged, the image's id. */
	key: string;
	image: ImageView;
	/** `nginx:1.27`; null for an untagged image. */
	reference: string | null;
	/** Another reference of the same image, whose line shows its size. Null on that line. */
	sameAs: string | null;
}

/** A line of the list: the heading above untagged images, or a reference. */
export type ImageItem = { kind: "heading"; key: string; count: number } | ImageLine;

/** Key of the heading over untagged images. */
export const UNTAGGED = "untagged";

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Whether a line matches all words: by its reference, or by its image's digests, id or containers. */
export function matchesImage({ image, reference }: ImageLine, words: readonly string[]): boolean {
	const text = [reference ?? "", ...image.digests, image.id, ...image.used_by.map(({ name }) => name)]
		.join(" ")
		.toLowerCase();
	return words.every((word) => text.includes(word));
}

function linesOf(image: ImageView): ImageLine[] {
	if (image.tags.length === 0)
		return [{ kind: "image", key: image.id, image, reference: null, sameAs: null }];
	return image.tags.map((reference, place) => ({
		kind: "image",
		key: reference,
		image,
		reference,
		sameAs: place === 0 ? null : (image.tags[0] ?? null),
	}));
}

/** The lines of the list, sorted: one for each reference, then untagged images below a heading. */
export function imageItems(images: readonly ImageView[], filter: string, sort: ImageSort): ImageItem[] {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	const direction = sort.descending ? -1 : 1;
	const compare = (a: ImageLine, b: ImageLine): number => {
		switch (sort.column) {
			case "name":
				return names.compare(a.reference ?? "", b.reference ?? "");
			case "size":
				return a.image.size_bytes - b.image.size_bytes;
			case "created":
				return a.image.created_at < b.image.created_at ? -1 : a.image.created_at > b.image.created_at ? 1 : 0;
			case "used":
				return a.image.used_by.length - b.image.used_by.length;
		}
	};
	const sorted = images
		.flatMap(linesOf)
		.filter((line) => matchesImage(line, words))
		.sort(
			(a, b) =>
				compare(a, b) * direction ||
				names.compare(a.reference ?? "", b.reference ?? "") ||
				(a.key < b.key ? -1 : 1),
		);
	const untagged = sorted.filter(({ reference }) => reference === null);
	return [
		...sorted.filter(({ reference }) => reference !== null),
		...(untagged.length > 0 ? [{ kind: "heading" as const, key: UNTAGGED, count: untagged.length }] : []),
		...untagged,
	];
}

/** How many images there are; with the number of lines where they differ: "2 images, 3 references". */
export function howMany(images: readonly ImageView[]): string {
	const references = images.reduce((sum, { tags }) => sum + tags.length, 0);
	const untagged = images.filter(({ tags }) => tags.length === 0).length;
	const all = plural(images.length, "image");
	if (references + untagged === images.length) return all;
	return [all, plural(references, "reference"), ...(untagged ? [`${untagged} untagged`] : [])].join(", ");
}

/** Why an image cannot be removed without force. */
export type InUse = "free" | "stopped" | "running";

/** Whether containers use an image; running ones prevent its removal even with force. */
export function inUse(image: { used_by: readonly ImageUser[] }): InUse {
	if (image.used_by.some(({ running }) => running)) return "running";
	return image.used_by.length > 0 ? "stopped" : "free";
}

/** The display name of an image: its first tag, or where it was pulled from, or its short id. */
export function imageName(image: ImageView): string {
	return image.tags[0] ?? shownReference(image.digests[0] ?? image.id).replace(/^sha256:/, "");
}

/**
 * A reference in two parts: registry and path, which are shortened from the left, and the name, which stays
 * whole.
 */
export function nameParts(reference: string): { path: string; name: string } {
	const slash = reference.lastIndexOf("/");
	return { path: reference.slice(0, slash + 1), name: reference.slice(slash + 1) };
}

/** References of one image to remove. */
export interface Removal {
	image: ImageView;
	/** Some of its tags, or all of them, which removes the image. Empty for an untagged image. */
	references: readonly string[];
}

/** Removes an image with all its references. */
export const wholeImage = (image: ImageView): Removal => ({ image, references: image.tags });

/** Whether the image itself is removed, not only some of its references. */
export const isWhole = ({ image, references }: Removal) => references.length >= image.tags.length;

/** Converts lines of the list to removals, one for each image. */
export function removalsOf(lines: readonly ImageLine[]): Removal[] {
	const removals = new Map<string, { image: ImageView; references: string[] }>();
	for (const { image, reference } of lines) {
		const removal = removals.get(image.id) ?? { image, references: [] };
		if (reference !== null) removal.references.push(reference);
		removals.set(image.id, removal);
	}
	return [...removals.values()];
}

/** Names for a sentence: `a, b and c`. */
export function named(words: readonly string[], most = 6): string {
	if (words.length > most) return `${words.slice(0, most).join(", ")} and ${words.length - most} more`;
	return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : (words[0] ?? "");
}

/** The effect of removing images, shown before the user confirms. */
export interface RemovalPlan {
	title: string;
	/** The images to remove; with force, also images that only stopped containers use. */
	free: Removal[];
	stopped: Removal[];
	running: Removal[];
	/** Sentences on what is lost, with `force` or without. */
	goesAway: (force: boolean) => string[];
	/** Why some of them are kept, one sentence each. */
	stays: string[];
}

export function removalPlan(removals: readonly Removal[]): RemovalPlan {
	const tags = removals.filter((removal) => !isWhole(removal));
	const whole = removals.filter(isWhole);
	const by = (use: InUse) => whole.filter(({ image }) => inUse(image) === use);
	// A reference can be removed even if the image is in use; the image stays with its other references.
	const [free, stopped, running] = [[...tags, ...by("free")], by("stopped"), by("running")];
	const users = (image: ImageView) =>
		named(image.used_by.filter((user) => user.running).map(({ name }) => name));
	const [only] = removals;
	const references = tags.flatMap((removal) => removal.references);
	return {
		title:
			removals.length !== 1 || !only
				? tags.length === 0
					? `Remove ${removals.length} images?`
					: `Remove ${removals.reduce((sum, removal) => sum + Math.max(removal.references.length, 1), 0)} references?`
				: isWhole(only)
					? `Remove ${imageName(only.image)}?`
					: `Remove the ${references.length === 1 ? "tag" : "tags"} ${named(references)}?`,
		free,
		stopped,
		running,
		goesAway: (force) => {
			const images = (force ? [...free, ...stopped] : free).filter(isWhole).map(({ image }) => image);
			const lines: string[] = [];
			if (images.length > 0) {
				lines.push(`The ${images.length === 1 ? "image" : "images"} ${named(images.map(imageName))}`);
				const more = images.flatMap((image) => image.tags.slice(1));
				if (more.length > 0)
					lines.push(
						`${more.length === 1 ? "The other tag" : "The other tags"} of ${images.length === 1 ? "the same image" : "these images"}: ${named(more)}`,
					);
				lines.push("Layers that no other image shares; running it again downloads them again");
			}
			for (const { image, references } of tags) {
				const stay = image.tags.filter((tag) => !references.includes(tag));
				lines.push(
					`Only the ${references.length === 1 ? "tag" : "tags"} ${named(references)}: the image stays as ${named(stay)}, no disk space is freed`,
				);
			}
			return lines;
		},
		stays: running.map(
			({ image }) =>
				`${imageName(image)} stays: ${users(image)} ${image.used_by.filter((user) => user.running).length === 1 ? "runs" : "run"} from it.`,
		),
	};
}
