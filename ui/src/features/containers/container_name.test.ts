import { expect, test } from "vitest";
import { nameProblem } from "./container_name";

test.each([
	["web", null],
	["", null],
	["redis", "Another container is named `redis`. `redis-3` is free"],
	["bad name!", "`bad name!` is not a valid container name. For example `bad-name`"],
	["-web", "`-web` is not a valid container name. For example `web`"],
	[
		"x",
		"`x` is not a valid container name. Use at least two of letters, digits, `_`, `.` and `-`, starting with a letter or digit",
	],
	["n".repeat(129), "A name has at most 128 characters. Shorten it"],
])("%s as a name", (name, problem) => expect(nameProblem(name, new Set(["redis", "redis-2"]))).toBe(problem));
