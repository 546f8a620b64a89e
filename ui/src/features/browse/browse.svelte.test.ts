import { beforeEach, expect, test, vi } from "vitest";
import { entries } from "../../host/fixture/catalog";
import { docker } from "../../host/fixture/docker";
import { fixture } from "../../host/fixture/index";
import { type CatalogResults, host } from "../../host/host";
import { browse } from "./browse.svelte";
import { misfit, traits } from "./traits";

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

test("words are looked for in all categories, and the chosen one comes first", async () => {
	browse.choose("monitoring");
	browse.type("nginx");
	await vi.waitFor(() => expect(browse.elsewhere.map(({ slug }) => slug)).toEqual(["nginx"]));
	expect(browse.entries).toEqual([]);
	expect(browse.reference).toBeNull();
	browse.type("nginx:1.26");
	await vi.waitFor(() => expect(browse.reference).toBe("nginx:1.26"));
	expect(browse.known?.slug).toBe("nginx");
	browse.type("");
	await vi.waitFor(() => expect(browse.entries.map(({ slug }) => slug)).toEqual(["grafana"]));
	expect(browse.elsewhere).toEqual([]);
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
	late({ entries: [], elsewhere: [], reference: null });
	await Promise.resolve();
	expect(browse.entries.map(({ slug }) => slug)).toEqual(["redis"]);
});

const entry = (slug: string) => {
	const found = entries.find((it) => it.slug === slug);
	if (!found) throw new Error(slug);
	return found;
};

test.each([
	["nginx", ["web page", "port 80", "keeps data"]],
	["postgres", ["port 5432", "password generated"]],
	["wordpress", ["web page", "port 80"]],
	["alpine", []],
])("the facts of %s", (slug, texts) => expect(traits(entry(slug))).toEqual(texts));

test("nothing is said of an image that fits the engine, and where one does not is", () => {
	expect(misfit(entry("nginx"), docker)).toBeNull();
	expect(misfit(entry("mssql"), { ...docker, arch: "arm64" })).toBe("amd64 only");
	expect(misfit(entry("mssql"), null)).toBeNull();
});
