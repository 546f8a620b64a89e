import { describe, expect, it } from "vitest";
import { filterProblem, matchesFilter, parseFilter } from "./filter";
import { container, port } from "./samples";

const shopApi = container({
	name: "shop-api-1",
	image: "registry.example:5000/shop/api:dev",
	stack: "shop",
	health: "unhealthy",
	ports: [port(80, 8080)],
});

describe("parseFilter", () => {
	const check = (text: string, words: string[], terms: string[]) => {
		const filter = parseFilter(text);
		expect(filter.words.map((word) => (word.not ? "-" : "") + word.text)).toEqual(words);
		expect(filter.terms.map((term) => `${term.not ? "-" : ""}${term.key}:${term.values.join("|")}`)).toEqual(
			terms,
		);
	};

	it("tells words from terms", () => {
		check("", [], []);
		check("  web   state:running ", ["web"], ["state:running"]);
		check("WEB Image:NGINX", ["web"], ["image:nginx"]);
		check('"my web" name:"a b"', ["my web"], ["name:a b"]);
		check('"open quote', ["open quote"], []);
	});
	it("takes what has no known key as a word", () => {
		check("registry.example:5000/app", ["registry.example:5000/app"], []);
		check(":8080", [":8080"], []);
	});
	it("ignores a term that has no value yet", () => check("state: port:,", [], []));
	it("joins values of one key", () => {
		check("state:running,paused state:dead", [], ["state:running|paused|dead"]);
	});
	it("negates with a minus", () => check("-web -state:running -", ["-web", "-"], ["-state:running"]));
});

describe("matchesFilter", () => {
	const check = (text: string, expected: boolean) =>
		expect(matchesFilter(shopApi, parseFilter(text)), text).toBe(expected);

	it("matches words against name, image, stack, host port and id", () => {
		for (const word of [
			"api",
			"API",
			"registry.example:5000/shop",
			"shop",
			"8080",
			shopApi.id.slice(0, 12),
		]) {
			check(word, true);
		}
		check("api nginx", false);
		check("-nginx api", true);
	});
	it("matches terms", () => {
		check("state:running", true);
		check("state:run", true);
		check("state:stopped", false);
		check("state:stopped,up", true);
		check("port:80", true);
		check("port:8080", true);
		check("port:808", true);
		check("port:088", false);
		check("image:shop/api", true);
		check("stack:shop name:api health:unhealthy", true);
		check("health:healthy", false);
		check("health:none", false);
		check("stack:none", false);
		check("-health:unhealthy", false);
	});
});

describe("filterProblem", () => {
	const check = (text: string, expected: string | null) =>
		expect(filterProblem(parseFilter(text), [shopApi]), text).toBe(expected);

	it("names a key that there is not, and the one that is meant", () => {
		check("status:running", "There is no filter “status:”. Use state:running");
		check("-ports:80", "There is no filter “ports:”. Use port:80");
		check("foo:bar", "There is no filter “foo:”. Use state:, port:, image:, stack:, name:, health: or id:");
	});
	it("names a value that a key never has", () => {
		check("health:sick", "“health:sick” is never true. Use healthy, unhealthy, starting or none");
	});
	it("lets references and what is being typed be", () => {
		check("api:dev", null);
		check("registry.example:5000", null);
		check("state:run", null);
		check("state:", null);
		check("shop 8080", null);
	});
});
