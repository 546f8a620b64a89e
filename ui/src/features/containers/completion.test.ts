import { describe, expect, it } from "vitest";
import { complete, completions } from "./completion";
import { container, port } from "./samples";

const all = [
	container({ name: "web", state: "exited", ports: [port(80, 8080)] }),
	container({ name: "db", image: "postgres:17", health: "healthy", stack: "My Shop" }),
	container({ name: "cache", image: "redis:7" }),
];

describe("completions", () => {
	const check = (text: string, expected: string[]) =>
		expect(
			completions(text, text.length, all).map((it) => it.text),
			text,
		).toEqual(expected);

	it("offers keys, then the values that there are, most common first", () => {
		check("", ["state:", "port:", "image:", "stack:", "name:", "health:", "id:"]);
		check("s", ["state:", "stack:"]);
		check("web -st", ["-state:", "-stack:"]);
		check("state:", ["state:running", "state:exited"]);
		check("state:running,", ["state:running,exited"]);
		check("image:po", ["image:postgres:17"]);
		check("port:", ["port:8080"]);
		check("stack:my", ['stack:"my shop"']);
		check("health:un", ["health:unhealthy"]);
	});
	it("offers nothing for words, unknown keys and what is complete", () => {
		check("web", []);
		check("foo:", []);
		check("port:8080", []);
	});
	it("says how many containers a value matches", () => {
		expect(completions("state:", 6, all).map(({ detail }) => detail)).toEqual(["2", "1"]);
	});
});

describe("complete", () => {
	const check = (before: string, after: string, expected: string) => {
		const [first] = completions(before + after, before.length, all);
		const done = complete(before + after, before.length, first!);
		expect(`${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`).toBe(expected);
	};
	it("replaces the word under the caret and leaves the others", () => {
		check("sta", "", "state:|");
		check("web sta", "", "web state:|");
		check("state:run", "", "state:running |");
		check("sta", " web", "state:| web");
		check("state:r", " web", "state:running |web");
	});
});
