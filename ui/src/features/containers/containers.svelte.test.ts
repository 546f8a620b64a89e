import { flushSync } from "svelte";
import { describe, expect, it, vi } from "vitest";
import type { ActionOutcome, ApiError, ContainerDelta, ContainerSnapshot } from "../../host/host";
import { HostError } from "../../host/host";
import { Containers } from "./containers.svelte";
import { container } from "./samples";

function backend(snapshot: ContainerSnapshot) {
	let receive: (delta: ContainerDelta) => void = () => {};
	const frames: (() => void)[] = [];
	const host = {
		containerList: vi.fn(async () => structuredClone(snapshot)),
		containerAct: vi.fn(async (): Promise<ActionOutcome[]> => []),
		containerRename: vi.fn(async () => null),
		on: vi.fn(async (_: string, cb: unknown) => {
			receive = cb as typeof receive;
			return () => {};
		}),
	};
	const list = new Containers(host as never, (run) => frames.push(run));
	return {
		host,
		list,
		frames,
		send: (fields: Partial<ContainerDelta> & { revision: number }) =>
			receive({ upserted: [], removed: [], reset: false, ...fields }),
		frame: () => {
			for (const run of frames.splice(0)) run();
			flushSync();
		},
		names: () => list.all.map(({ name }) => name),
	};
}

const error = { kind: "conflict" as const, message: "It is being removed", hint: null, detail: null };

describe("Containers", () => {
	it("loads a snapshot and applies what follows it", async () => {
		const a = container({ name: "a" });
		const b = container({ name: "b" });
		const { list, send, frame, names, host } = backend({ revision: 4, containers: [a] });
		await list.start();
		frame();
		expect(names()).toEqual(["a"]);
		send({ revision: 5, upserted: [b] });
		send({ revision: 6, upserted: [{ ...a, name: "renamed" }] });
		frame();
		expect(names()).toEqual(["renamed", "b"]);
		send({ revision: 7, removed: [a.id] });
		frame();
		expect(names()).toEqual(["b"]);
		expect(host.containerList).toHaveBeenCalledTimes(1);
	});

	it("ignores what it has already and asks again after a gap", async () => {
		const a = container({ name: "a" });
		const { list, send, frame, names, host } = backend({ revision: 4, containers: [a] });
		await list.start();
		send({ revision: 4, removed: [a.id] });
		frame();
		expect(names()).toEqual(["a"]);
		host.containerList.mockResolvedValueOnce({ revision: 9, containers: [] });
		send({ revision: 8, upserted: [container()] });
		await vi.waitFor(() => expect(host.containerList).toHaveBeenCalledTimes(2));
		await vi.waitFor(() => {
			frame();
			expect(names()).toEqual([]);
		});
		send({ revision: 10, upserted: [container({ name: "after" })] });
		frame();
		expect(names()).toEqual(["after"]);
	});

	it("keeps deltas that arrive while the snapshot is on its way", async () => {
		const { list, send, frame, names, host } = backend({ revision: 4, containers: [] });
		let answer: (snapshot: ContainerSnapshot) => void = () => {};
		host.containerList.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
		const starting = list.start();
		await vi.waitFor(() => expect(host.containerList).toHaveBeenCalled());
		send({ revision: 4, upserted: [container({ name: "old" })] });
		send({ revision: 5, upserted: [container({ name: "new" })] });
		answer({ revision: 4, containers: [] });
		await starting;
		frame();
		expect(names()).toEqual(["new"]);
	});

	it("takes a reset for the whole list, whatever its revision", async () => {
		const { list, send, frame, names, host } = backend({ revision: 4, containers: [container()] });
		await list.start();
		send({ revision: 40, reset: true, upserted: [container({ name: "only" })] });
		frame();
		expect(names()).toEqual(["only"]);
		expect(host.containerList).toHaveBeenCalledTimes(1);
	});

	it("tells why there is no list, and recovers", async () => {
		const { list, host, frame, names } = backend({ revision: 1, containers: [container({ name: "a" })] });
		host.containerList.mockRejectedValueOnce(new HostError(error));
		await list.start();
		expect(list.error?.error).toBe(error);
		expect(list.loaded).toBe(false);
		await list.load();
		frame();
		expect(list.error).toBe(null);
		expect(names()).toEqual(["a"]);
	});

	it("renders a storm of deltas over 1,000 containers once a frame, quickly", async () => {
		const many = Array.from({ length: 1_000 }, () => container());
		const { list, send, frame, frames } = backend({ revision: 0, containers: many });
		await list.start();
		frame();
		let derived = 0;
		const stop = $effect.root(() => {
			$effect(() => {
				void list.all;
				derived += 1;
			});
		});
		flushSync();
		const began = performance.now();
		for (let revision = 1; revision <= 1_000; revision++) {
			send({ revision, upserted: [{ ...many[revision % 1_000]!, status: "Up 3 hours" }] });
		}
		expect(frames).toHaveLength(1);
		frame();
		expect(performance.now() - began).toBeLessThan(100);
		expect(derived).toBe(2);
		expect(list.all).toHaveLength(1_000);
		stop();
	});
});

describe("actions", () => {
	it("say that they are under way until the delta shows the effect", async () => {
		const a = container({ name: "a" });
		const { list, send, host } = backend({ revision: 0, containers: [a] });
		await list.start();
		let answer: (outcomes: ActionOutcome[]) => void = () => {};
		host.containerAct.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
		const acting = list.act([a.id], "stop");
		expect(list.pending.get(a.id)?.action).toBe("stop");
		answer([{ id: a.id, name: "a", changed: true, error: null }]);
		await acting;
		expect(list.pending.get(a.id)?.action).toBe("stop");
		send({ revision: 1, upserted: [{ ...a, state: "exited", exit_code: 0 }] });
		expect(list.pending.size).toBe(0);
	});

	it("do not wait for a delta that has come already, and not for a container that went", async () => {
		const a = container();
		const { list, send, host } = backend({ revision: 0, containers: [a] });
		await list.start();
		host.containerAct.mockImplementationOnce(async () => {
			send({ revision: 1, removed: [a.id] });
			return [{ id: a.id, name: a.name, changed: true, error: null }];
		});
		await list.act([a.id], "remove");
		expect(list.pending.size).toBe(0);
	});

	it("name the container in an error, not its id", async () => {
		const a = container({ name: "a" });
		const { list, host } = backend({ revision: 0, containers: [a] });
		await list.start();
		const other = "ab".repeat(32);
		const error = {
			kind: "conflict",
			message: `Container ${a.id} is not paused, but ${other} is`,
		} as ApiError;
		host.containerAct.mockResolvedValueOnce([{ id: a.id, name: "a", changed: false, error }]);
		await list.act([a.id], "unpause");
		expect(list.failures?.outcomes[0]?.error?.message).toBe("Container a is not paused, but abababababab is");
	});

	it("keep the failure of each container", async () => {
		const [a, b] = [container({ name: "a" }), container({ name: "b" })];
		const { list, host } = backend({ revision: 0, containers: [a, b] });
		await list.start();
		host.containerAct.mockResolvedValueOnce([
			{ id: a.id, name: "a", changed: false, error: null },
			{ id: b.id, name: "b", changed: false, error },
		]);
		await list.act([a.id, b.id], "remove");
		expect(list.pending.size).toBe(0);
		expect(list.failures).toMatchObject({ action: "remove", total: 2, outcomes: [{ name: "b", error }] });
	});

	it("are not repeated on a container that is busy", async () => {
		const a = container();
		const { list, host } = backend({ revision: 0, containers: [a] });
		await list.start();
		host.containerAct.mockImplementationOnce(() => new Promise(() => {}));
		void list.act([a.id], "stop");
		await list.act([a.id], "restart");
		expect(host.containerAct).toHaveBeenCalledTimes(1);
	});
});
