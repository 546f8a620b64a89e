import { describe, expect, it } from "vitest";
import type { ImageUser, ImageView } from "../../host/host";
import { imageItems, removalPlan } from "./list";

let made = 0;
const user = (name: string, running = false): ImageUser => ({ id: name, name, running });
function image(tags: string[], fields: Partial<ImageView> = {}): ImageView {
	made += 1;
	const id = `sha256:${String(made).padStart(64, "0")}`;
	return {
		id,
		tags,
		digests: [],
		size_bytes: made,
		created_at: `2026-01-0${made % 9}`,
		used_by: [],
		...fields,
	};
}

describe("imageItems", () => {
	const all = [
		image(["redis:7"]),
		image([]),
		image(["nginx:1.27", "nginx:stable"], { used_by: [user("web", true)] }),
	];
	const check = (filter: string, column: "name" | "size" | "used", descending: boolean, expected: string[]) =>
		expect(
			imageItems(all, filter, { column, descending }).map((item) =>
				item.kind === "heading" ? `# ${item.count}` : (item.image.tags[0] ?? "none"),
			),
		).toEqual(expected);

	it("sorts, with untagged images last", () => {
		check("", "name", false, ["nginx:1.27", "redis:7", "# 1", "none"]);
		check("", "name", true, ["redis:7", "nginx:1.27", "# 1", "none"]);
		check("", "size", true, ["nginx:1.27", "redis:7", "# 1", "none"]);
		check("", "used", true, ["nginx:1.27", "redis:7", "# 1", "none"]);
	});
	it("filters by tag, user and id", () => {
		check("STABLE", "name", false, ["nginx:1.27"]);
		check("web", "name", false, ["nginx:1.27"]);
		check("redis 7", "name", false, ["redis:7"]);
		check("zzz", "name", false, []);
	});
});

describe("removalPlan", () => {
	it("says what goes away, and by whom the rest is used", () => {
		const plan = removalPlan([
			image(["a:1", "a:2"]),
			image(["b:1"], { used_by: [user("old")] }),
			image(["c:1"], { used_by: [user("web", true), user("old")] }),
		]);
		expect(plan.title).toBe("Remove 3 images?");
		expect(plan.goesAway(false)[0]).toBe("The image a:1");
		expect(plan.goesAway(false)[1]).toBe("Its other tag a:2");
		expect(plan.goesAway(true)[0]).toBe("The images a:1 and b:1");
		expect(plan.stays).toEqual(["c:1 stays: web runs from it."]);
	});
	it("has nothing to take away when everything is used", () => {
		const plan = removalPlan([image(["c:1"], { used_by: [user("web", true)] })]);
		expect(plan.title).toBe("Remove c:1?");
		expect(plan.goesAway(true)).toEqual([]);
	});
});
