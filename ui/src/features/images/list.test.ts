import { describe, expect, it } from "vitest";
import type { ImageUser, ImageView } from "../../host/host";
import { howMany, imageItems, nameParts, removalPlan, removalsOf, wholeImage } from "./list";

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

describe("howMany", () => {
	const check = (tags: string[][], expected: string) =>
		expect(howMany(tags.map((each) => image(each)))).toBe(expected);

	it("gives the number of lines beside the number of images where they differ", () => {
		check([["a:1"]], "1 image");
		check([["a:1"], ["b:1"], []], "3 images");
		check([["a:1", "a:2"], ["b:1"]], "2 images, 3 references");
		check([["a:1", "a:2"], []], "2 images, 2 references, 1 untagged");
	});
});

describe("imageItems", () => {
	const all = [
		image(["redis:7"]),
		image([]),
		image(["nginx:1.27", "nginx:stable"], { used_by: [user("web", true)] }),
	];
	const check = (filter: string, column: "name" | "size" | "used", descending: boolean, expected: string[]) =>
		expect(
			imageItems(all, filter, { column, descending }).map((item) =>
				item.kind === "heading" ? `# ${item.count}` : (item.reference ?? "none"),
			),
		).toEqual(expected);

	it("sorts, with untagged images last", () => {
		check("", "name", false, ["nginx:1.27", "nginx:stable", "redis:7", "# 1", "none"]);
		check("", "name", true, ["redis:7", "nginx:stable", "nginx:1.27", "# 1", "none"]);
		check("", "size", true, ["nginx:1.27", "nginx:stable", "redis:7", "# 1", "none"]);
		check("", "used", true, ["nginx:1.27", "nginx:stable", "redis:7", "# 1", "none"]);
	});
	it("filters by tag, user and id", () => {
		check("STABLE", "name", false, ["nginx:stable"]);
		check("web", "name", false, ["nginx:1.27", "nginx:stable"]);
		check("redis 7", "name", false, ["redis:7"]);
		check("zzz", "name", false, []);
	});
});

it("says which references are of one image", () => {
	const lines = imageItems([image(["a/postgres:15", "b/postgres:17"])], "17", {
		column: "name",
		descending: false,
	});
	expect(lines).toMatchObject([{ reference: "b/postgres:17", sameAs: "a/postgres:15" }]);
});

it("nameParts", () => {
	const check = (reference: string, path: string, name: string) =>
		expect(nameParts(reference)).toEqual({ path, name });
	check("registry.example:5000/org/app:1", "registry.example:5000/org/", "app:1");
	check("nginx:1.27", "", "nginx:1.27");
});

describe("removalPlan", () => {
	it("takes away a reference and says that the image stays", () => {
		const both = image(["a:1", "b:1", "c:1"], { used_by: [user("web", true)] });
		const lines = imageItems([both], "b:1", { column: "name", descending: false });
		const plan = removalPlan(removalsOf(lines.filter((line) => line.kind === "image")));
		expect(plan.title).toBe("Remove the tag b:1?");
		expect(plan.goesAway(false)).toEqual([
			"Only the tag b:1: the image stays as a:1 and c:1, no disk space is freed",
		]);
		expect(plan.stays).toEqual([]);
		const all = imageItems([both], "", { column: "name", descending: false });
		const whole = removalPlan(removalsOf(all.filter((line) => line.kind === "image")));
		expect(whole.stays).toEqual(["a:1 stays: web runs from it."]);
	});
	it("says what goes away, and by whom the rest is used", () => {
		const plan = removalPlan(
			[
				image(["a:1", "a:2"]),
				image(["b:1"], { used_by: [user("old")] }),
				image(["c:1"], { used_by: [user("web", true), user("old")] }),
			].map(wholeImage),
		);
		expect(plan.title).toBe("Remove 3 images?");
		expect(plan.goesAway(false)[0]).toBe("The image a:1");
		expect(plan.goesAway(false)[1]).toBe("The other tag of the same image: a:2");
		expect(plan.goesAway(true)[0]).toBe("The images a:1 and b:1");
		expect(plan.stays).toEqual(["c:1 stays: web runs from it."]);
	});
	it("has nothing to take away when everything is used", () => {
		const plan = removalPlan([wholeImage(image(["c:1"], { used_by: [user("web", true)] }))]);
		expect(plan.title).toBe("Remove c:1?");
		expect(plan.goesAway(true)).toEqual([]);
	});
});
