import { expect, it, vi } from "vitest";
import type { ImageUsage, ImageView, RemovalProgress } from "../../host/host";
import { UnusedRemoval } from "./unused_removal.svelte";

const image = (id: string, tags: string[]): ImageView => ({
	id,
	tags,
	digests: [],
	size_bytes: 1,
	created_at: "",
	used_by: [],
});
const usage = (at_least: number | null): ImageUsage => ({
	total_bytes: 900_000,
	unused: [image("a", ["a:1"]), image("b", [])],
	reclaimable: { at_least, at_most: 700_000 },
	reclaimable_untagged: { at_least: 200_000, at_most: 200_000 },
});

function backend(at_least: number | null) {
	const host = {
		imageUsage: vi.fn(async () => usage(at_least)),
		imagesRemoveUnused: vi.fn(
			async (ids: string[], _operation: string, progress: (p: RemovalProgress) => void) => {
				progress({ image: "a:1", done: 0, total: ids.length });
				return { removed: ids.length, freed_bytes: 300_000, kept: [], cancelled: false };
			},
		),
		operationCancel: vi.fn(async () => null),
	};
	return { host, removal: new UnusedRemoval(host) };
}

it("says beforehand what goes and how much becomes free, and afterwards what came of it", async () => {
	const { host, removal } = backend(500_000);
	await removal.look();
	expect(removal.chosen.map(({ id }) => id)).toEqual(["a", "b"]);
	expect(removal.frees).toBe("500 KB to 700 KB");
	removal.untaggedOnly = true;
	expect(removal.frees).toBe("200 KB");
	await removal.start();
	expect(host.imagesRemoveUnused.mock.calls[0]?.[0]).toEqual(["b"]);
	expect(removal.outcome).toBe("1 image removed, 300 KB freed");
	expect(removal.running).toBe(false);
});

it("gives an upper bound where the engine does not count what is shared", async () => {
	const { removal } = backend(null);
	await removal.look();
	expect(removal.frees).toBe("up to 700 KB");
});
