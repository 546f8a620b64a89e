import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HostError, type ImageView, type PullProgress } from "../../host/host";
import { counts } from "../../state/counts.svelte";
import { Images } from "./images.svelte";
import { wholeImage } from "./list";

const image = (name: string, tags = [name]): ImageView => ({
	id: `sha256:${name}`,
	tags,
	digests: [],
	size_bytes: 1,
	created_at: "2026-01-01T00:00:00Z",
	used_by: [],
});
const failure = (kind: "conflict" | "cancelled" | "not_found") =>
	new HostError({ kind, message: kind, hint: null, detail: null });

function backend(list: ImageView[]) {
	const listeners = new Map<string, () => void>();
	const host = {
		imageList: vi.fn(async () => list),
		imageUsage: vi.fn(async () => ({ total_bytes: 5_000, unused: [] })),
		imageRemove: vi.fn(async (_reference: string, _of: string, _force: boolean) => ({
			untagged: [],
			deleted: [],
		})),
		imagePull: vi.fn(
			async (_reference: string, _operation: string, _progress: (p: PullProgress) => void) => null,
		),
		operationCancel: vi.fn(async () => null),
		on: vi.fn(async (event: string, cb: () => void) => {
			listeners.set(event, cb);
			return () => {};
		}),
	};
	return {
		host,
		images: new Images(host as never),
		change: () => listeners.get("imagesChanged")?.(),
		containersChange: () => listeners.get("containersChanged")?.(),
	};
}

describe("Images", () => {
	beforeEach(() => void vi.useFakeTimers());
	afterEach(() => void vi.useRealTimers());

	it("has nothing selected once what was selected is gone, by whatever removed it", async () => {
		const { images, host, change } = backend([image("a"), image("b")]);
		images.look(true);
		await vi.advanceTimersByTimeAsync(1);
		images.toggle("a");
		images.toggle("b");
		host.imageList.mockResolvedValue([image("b")]);
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect([...images.ticked]).toEqual(["b"]);
	});

	it("asks again when something changes while somebody looks, once for a bunch", async () => {
		const { images, host, containersChange: change } = backend([image("a")]);
		images.look(true);
		await vi.advanceTimersByTimeAsync(1);
		change();
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageList).toHaveBeenCalledTimes(2);
		images.look(false);
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageList).toHaveBeenCalledTimes(2);
		images.look(true);
		await vi.advanceTimersByTimeAsync(1);
		expect(host.imageList).toHaveBeenCalledTimes(3);
	});

	it("keeps their number right while another screen is shown, and while nobody sees the window asks for nothing", async () => {
		const list = [image("a")];
		const { images, host, change } = backend(list);
		await images.start();
		expect(counts.images).toBe(1);
		list.push(image("b"));
		change();
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageList).toHaveBeenCalledTimes(2);
		expect(counts.images).toBe(2);
		const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
		list.push(image("c"));
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageList).toHaveBeenCalledTimes(2);
		hidden.mockRestore();
		document.dispatchEvent(new Event("visibilitychange"));
		await vi.advanceTimersByTimeAsync(1_000);
		expect(counts.images).toBe(3);
	});

	it("removes all tags and keeps why an image stayed", async () => {
		const [a, b, c] = [image("a", ["a:1", "a:2"]), image("b"), image("c", [])];
		const { images, host } = backend([a, b, c]);
		host.imageRemove.mockImplementation(async (reference) => {
			if (reference === "b") throw failure("conflict");
			if (reference === c.id) throw failure("not_found");
			return { untagged: [], deleted: [] };
		});
		await images.remove([a, b, c].map(wholeImage), false);
		expect(host.imageRemove.mock.calls).toEqual([
			["a:1", a.id, false],
			["a:2", a.id, false],
			["b", b.id, false],
			[c.id, c.id, false],
		]);
		expect(images.failures.map(({ name }) => name)).toEqual(["b"]);
		expect(images.removing.size).toBe(0);
	});

	it("shows how far a pull is, and forgets one that was cancelled", async () => {
		const { images, host } = backend([]);
		let fail: (error: HostError) => void = () => {};
		host.imagePull.mockImplementationOnce((_reference, _operation, progress) => {
			progress({
				image: "nginx:1.27",
				phase: "downloading",
				layers_done: 1,
				layers_total: 7,
				bytes_done: 12_000_000,
				bytes_total: 72_000_000,
			});
			return new Promise((_, reject) => {
				fail = reject;
			});
		});
		const pulling = images.pull(" nginx ");
		void images.pull("nginx");
		const [pull] = images.pulls;
		expect(images.pulls).toHaveLength(1);
		expect(pull?.words).toBe("Downloading, 12 of 72 MB");
		if (pull) images.cancel(pull);
		expect(host.operationCancel).toHaveBeenCalledWith(pull?.id);
		fail(failure("cancelled"));
		await pulling;
		expect(images.pulls).toEqual([]);
	});

	it("keeps a pull that failed until it is dismissed or tried again", async () => {
		const { images, host } = backend([]);
		host.imagePull.mockRejectedValueOnce(failure("conflict"));
		expect(await images.pull("nginx")).toBe(false);
		expect(images.pulls[0]?.error?.kind).toBe("conflict");
		expect(await images.pull("nginx")).toBe(true);
		expect(images.pulls).toEqual([]);
	});

	it("forgets a pull that failed once its image is here, whatever brought it", async () => {
		const list: ImageView[] = [];
		const { images, host, change } = backend(list);
		await images.start();
		host.imagePull.mockRejectedValue(failure("conflict"));
		await images.pull("nginx");
		await images.pull("redis:7");
		list.push(image("nginx:latest"));
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(images.pulls.map(({ name }) => name)).toEqual(["redis:7"]);
		// An image that is already here says nothing about a newer one.
		await images.pull("nginx");
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(images.pulls.map(({ name }) => name)).toEqual(["nginx", "redis:7"]);
		// A success comes after all of them.
		host.imagePull.mockResolvedValue(null);
		await images.pull("alpine");
		expect(images.pulls).toEqual([]);
	});

	it("removes one reference of an image, without force, and none of the others", async () => {
		const both = image("a", ["a:1", "b:1"]);
		const { images, host } = backend([both]);
		await images.remove([{ image: both, references: ["b:1"] }], true);
		expect(host.imageRemove.mock.calls).toEqual([["b:1", both.id, false]]);
	});

	it("asks for the disk space when other images are here, and only while somebody looks", async () => {
		const list = [image("a")];
		const { images, host, change } = backend(list);
		await images.start();
		expect(host.imageUsage).not.toHaveBeenCalled();
		images.look(true);
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(images.totalBytes).toBe(5_000);
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageUsage).toHaveBeenCalledTimes(1);
		list.push(image("b"));
		change();
		await vi.advanceTimersByTimeAsync(1_000);
		expect(host.imageUsage).toHaveBeenCalledTimes(2);
	});
});
