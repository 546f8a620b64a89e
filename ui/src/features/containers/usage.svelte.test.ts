import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StatsView } from "../../host/host";
import { SAMPLES, Usage } from "./usage.svelte";

const sample = (id: string, cpu: number): StatsView => ({
	id,
	cpu_percent: cpu,
	memory_bytes: 1,
	memory_limit: null,
	network_rx_bytes: null,
	network_tx_bytes: null,
	block_read_bytes: null,
	block_write_bytes: null,
	pids: null,
});

function watching() {
	const watches: { ids: string[]; send: (batch: StatsView[]) => void }[] = [];
	const usage = new Usage({
		statsWatch: async (ids, send) => {
			watches.push({ ids, send });
			return null;
		},
	});
	return { usage, watches };
}

describe("Usage", () => {
	beforeEach(() => void vi.useFakeTimers());
	afterEach(() => void vi.useRealTimers());

	it("watches what is looked at once it stands still, and ends with the last", () => {
		const { usage, watches } = watching();
		usage.want("list", ["a"]);
		usage.want("list", ["b", "a"]);
		usage.want("detail", ["b", "c"]);
		vi.advanceTimersByTime(250);
		expect(watches.map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
		usage.want("list", ["a", "b"]);
		vi.advanceTimersByTime(250);
		expect(watches).toHaveLength(1);
		usage.want("list", []);
		usage.want("detail", []);
		vi.advanceTimersByTime(1);
		expect(watches.at(-1)?.ids).toEqual([]);
	});

	it("drops samples of a watch that was replaced and keeps a minute of history", () => {
		const { usage, watches } = watching();
		usage.want("list", ["a"]);
		vi.advanceTimersByTime(250);
		for (let i = 0; i < SAMPLES + 5; i++) watches[0]?.send([sample("a", i)]);
		expect(usage.history.get("a")).toHaveLength(SAMPLES);
		usage.want("list", ["a", "b"]);
		vi.advanceTimersByTime(250);
		watches[0]?.send([sample("a", -1)]);
		expect(usage.latest.get("a")?.cpu_percent).toBe(SAMPLES + 4);
		usage.want("list", ["b"]);
		vi.advanceTimersByTime(250);
		expect(usage.latest.has("a")).toBe(false);
	});

	it("rests while nobody sees the window", () => {
		const { usage, watches } = watching();
		usage.want("list", ["a"]);
		vi.advanceTimersByTime(250);
		const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
		document.dispatchEvent(new Event("visibilitychange"));
		vi.advanceTimersByTime(1);
		expect(watches.at(-1)?.ids).toEqual([]);
		hidden.mockReturnValue(false);
		document.dispatchEvent(new Event("visibilitychange"));
		vi.advanceTimersByTime(1);
		expect(watches.at(-1)?.ids).toEqual(["a"]);
	});
});
