import { beforeEach, expect, test, vi } from "vitest";
import { host } from "../host/host";
import { zoom } from "./zoom.svelte";

beforeEach(async () => {
	vi.restoreAllMocks();
	await zoom.set(100);
});

test("a notch of the wheel is one step, and so are the small turns of a touch pad that add up to one", async () => {
	const zoomed = vi.spyOn(host, "windowZoom").mockResolvedValue(null);
	await zoom.wheel(-120);
	expect(zoom.level).toBe(110);
	for (let turn = 0; turn < 4; turn += 1) await zoom.wheel(20);
	expect(zoom.level).toBe(100);
	await zoom.wheel(40);
	// The other direction starts over.
	await zoom.wheel(-60);
	expect(zoom.level).toBe(100);
	expect(zoomed).toHaveBeenCalledTimes(2);
});

test("steps end at the bounds", async () => {
	await zoom.set(300);
	await zoom.step(1);
	expect(zoom.level).toBe(300);
	await zoom.set(50);
	await zoom.step(-1);
	expect(zoom.level).toBe(50);
});
