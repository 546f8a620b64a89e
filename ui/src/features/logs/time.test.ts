import { expect, it } from "vitest";
import { stamp } from "./time";

it("is the local time of day, with the day where that is another one", () => {
	const local = (day: number) => new Date(2026, 2, day, 14, 3, 22, 7);
	const at = local(10).toISOString().replace("Z", "123456Z");
	expect(stamp(at, local(10))).toBe("14:03:22.007");
	expect(stamp(at, local(11))).toBe("03-10 14:03:22.007");
	expect(stamp("", local(10))).toBe("");
});
