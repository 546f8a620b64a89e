// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { logos } from "./logos";

const data = new URL("../../../crates/catalog/data/", import.meta.url);

test("every logo that the catalog names is in the map, and no other", () => {
	const files = readdirSync(data).filter((file) => file.endsWith(".toml"));
	const named = files.flatMap((file) =>
		[...readFileSync(new URL(file, data), "utf8").matchAll(/^logo\s*=\s*"([^"]+)"/gm)].map(
			([, slug]) => slug,
		),
	);
	expect(Object.keys(logos).sort()).toEqual([...new Set(named)].sort());
});
