import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { fixture } from "../../host/fixture/index";
import { host } from "../../host/host";
import { firstUse } from "./first_use";

beforeEach(() => fixture.setUp("normal"));

test("a service that is connected is not asked for", async () => {
	const { plan, entry } = await host.runDraft("wordpress");
	const connected = { ...plan, network: "wordpress-network" };
	const notes = readFileSync("../crates/catalog/data/apps.toml", "utf8")
		.split("\n")
		.filter((line) => line.startsWith("note = ") && line.includes("on the same network"));
	expect(notes.length).toBeGreaterThan(2);
	for (const line of notes) {
		const note = line.slice('note = "'.length, -1);
		expect(firstUse(note, entry, plan)).toBe(note);
		const after = firstUse(note, entry, connected);
		expect(after).not.toContain("Needs");
		expect(after).toMatch(/^[A-Z].*[^ ]$/);
	}
});

test("other notes stay", async () => {
	const { plan, entry } = await host.runDraft("nginx");
	expect(firstUse("Needs a processor with AVX.", entry, { ...plan, network: "n" })).toContain("AVX");
	expect(firstUse(null, entry, plan)).toBeNull();
});
