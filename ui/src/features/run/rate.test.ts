import { expect, test } from "vitest";
import { Rate } from "./rate";

test("a rate is known once there is something to go by, and follows the last seconds", () => {
	const rate = new Rate();
	expect(rate.add(0, 0)).toBeNull();
	expect(rate.add(100, 100)).toBeNull();
	expect(rate.add(1000, 1000)).toBe(1000);
	for (let at = 2000; at <= 8000; at += 1000) rate.add(1000 + (at - 1000) * 5, at);
	expect(rate.add(1000 + 8000 * 5, 9000)).toBe(5000);
});
