import { flushSync } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Clock } from "./clock.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Counts how often an age would be formatted again. */
function watch(clock: Clock, began: string | null) {
	const seen: number[] = [];
	const end = $effect.root(() => {
		const age = $derived(clock.since(began) - Date.parse(began ?? ""));
		$effect(() => void seen.push(Math.floor(age / 1000)));
	});
	flushSync();
	return { seen, end };
}

it("counts seconds while an age is in seconds, and stops once it is in minutes", async () => {
	const clock = new Clock();
	const { seen, end } = watch(clock, new Date(Date.now() - 57_000).toISOString());
	for (let second = 0; second < 3; second += 1) {
		await vi.advanceTimersByTimeAsync(1_000);
		flushSync();
	}
	expect(seen.slice(0, 4)).toEqual([57, 58, 59, 60]);
	await vi.advanceTimersByTimeAsync(5_000);
	flushSync();
	expect(seen.length).toBeLessThanOrEqual(5);
	await vi.advanceTimersByTimeAsync(10_000);
	flushSync();
	expect(seen.at(-1)).toBeGreaterThan(65);
	end();
});

it("rests while nothing young is shown and while nobody looks", async () => {
	const clock = new Clock();
	const timers = vi.getTimerCount();
	const old = watch(clock, new Date(Date.now() - 3_600_000).toISOString());
	expect(vi.getTimerCount()).toBe(timers);
	old.end();

	const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
	const young = watch(clock, new Date().toISOString());
	await vi.advanceTimersByTimeAsync(5_000);
	flushSync();
	expect(young.seen).toEqual([0]);
	hidden.mockReturnValue("visible");
	document.dispatchEvent(new Event("visibilitychange"));
	flushSync();
	expect(young.seen.at(-1)).toBe(5);
	young.end();
	await vi.advanceTimersByTimeAsync(0);
	expect(vi.getTimerCount()).toBe(timers);
});

it("tells two readers the same time, however far apart they began to read", async () => {
	for (const age of [36_000, 119_500]) {
		const clock = new Clock();
		const began = new Date(Date.now() - age).toISOString();
		const times: number[] = [];
		const ends = [0, 1].map((reader) => {
			const end = $effect.root(() => {
				$effect(() => {
					times[reader] = clock.since(began);
				});
			});
			flushSync();
			vi.advanceTimersByTime(900);
			return end;
		});
		expect(times[0]).toBe(times[1]);
		for (const end of ends) end();
		await vi.advanceTimersByTimeAsync(0);
	}
});
