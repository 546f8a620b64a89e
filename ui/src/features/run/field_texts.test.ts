import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const data = "../crates/catalog/data";
const texts = readdirSync(data).flatMap((file) =>
	[...readFileSync(`${data}/${file}`, "utf8").matchAll(/name = "([^"]+)", about = "([^"]+)"/g)].map(
		([, name = "", about = ""]) => ({ file, name, about }),
	),
);

// The order of the fields differs from that of the catalog, and optional ones are folded away.
test("the text of a field refers to no other field", () => {
	expect(texts.length).toBeGreaterThan(50);
	expect(
		texts.filter(({ about }) =>
			/\b(of|for|in|to) (that|this|these|those)\b|\b(above|below|the same)\b/i.test(about),
		),
	).toEqual([]);
});
