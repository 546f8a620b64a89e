import { beforeEach, expect, test, vi } from "vitest";
import { entries } from "../../host/fixture/catalog";
import { docker } from "../../host/fixture/docker";
import { fixture } from "../../host/fixture/index";
import { type CatalogResults, host } from "../../host/host";
import { browse } from "./browse.svelte";
import { fit, traits } from "./traits";

beforeEach(() => {
	fixture.setUp("normal");
	sessionStorage.clear();
	browse.clear();
});

test("words and category narrow the catalog, and are remembered", async () => {
	await browse.load();
	expect(browse.entries).toHaveLength(entries.length);
	browse.choose("databases");
	browse.type("post");
	await vi.waitFor(() => expect(browse.entries.map(({ slug }) => slug)).toEqual(["postgres"]));
	expect(JSON.parse(sessionStorage.getItem("slipway.browse") ?? "")).toEqual({
		words: "post",
		category: "databases",
	});
});

test("an image that the catalog does not have can be run", async () => {
	browse.type("registry.example:5000/org/app:1");
	await vi.waitFor(() => expect(browse.reference).toBe("registry.example:5000/org/app:1"));
	expect(browse.entries).toEqual([]);
});

test("a late answer to earlier words is dropped", async () => {
	let late = (_: CatalogResults) => {};
	vi.spyOn(host, "catalogSearch").mockImplementationOnce(() => new Promise((done) => (late = done)));
	browse.type("n");
	browse.type("redis");
	await vi.waitFor(() => expect(browse.entries).toHaveLength(1));
	late({ entries: [], reference: null });
	await Promise.resolve();
	expect(browse.entries.map(({ slug }) => slug)).toEqual(["redis"]);
});

const entry = (slug: string) => {
	const found = entries.find((it) => it.slug === slug);
	if (!found) throw new Error(slug);
	return found;
};

test.each([
	["nginx", ["web", ":80", "keeps data"]],
	["postgres", [":5432", "password generated"]],
	["wordpress", ["needs mysql", "web", ":80"]],
	["alpine", []],
])("the badges of %s", (slug, texts) => expect(traits(entry(slug)).map(({ text }) => text)).toEqual(texts));

test("whether an image runs on the engine", () => {
	expect(fit(entry("nginx"), docker)?.text).toBe("runs here");
	expect(fit(entry("mssql"), { ...docker, arch: "arm64" })).toEqual({ text: "amd64 only", kind: "warn" });
	expect(fit(entry("nginx"), null)).toBeNull();
});
