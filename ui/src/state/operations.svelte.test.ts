import { beforeEach, expect, test } from "vitest";
import { operations } from "./operations.svelte";

const error = { kind: "other", message: "The registry is not responding", hint: null, detail: null } as const;

beforeEach(() => {
	operations.all = [];
});

test("a failure that nothing else shows stays until it is dismissed", () => {
	const pull = operations.begin("1", { title: "Pull nginx" });
	operations.end(pull, "failed", error);
	expect(operations.running).toEqual([]);
	expect(operations.failed.map(({ title, error }) => [title, error?.message])).toEqual([
		["Pull nginx", error.message],
	]);
	operations.dismiss(pull);
	expect(operations.all).toEqual([]);
});

test("trying again takes away the failure of the time before, and of nothing else", () => {
	for (const title of ["Pull nginx", "Pull redis"])
		operations.end(operations.begin(title, { title }), "failed", error);
	const again = operations.begin("3", { title: "Pull nginx" });
	expect(operations.failed.map(({ title }) => title)).toEqual(["Pull redis"]);
	operations.end(again, "done");
	expect(operations.all.map(({ title }) => title)).toEqual(["Pull redis"]);
});
