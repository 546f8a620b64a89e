import { expect, test } from "vitest";
import { joinWords, splitWords } from "./shell_words";

test.each([
	["", []],
	["  a  b ", ["a", "b"]],
	["sh -c 'echo \"hi\" there'", ["sh", "-c", 'echo "hi" there']],
	['a "b c" d', ["a", "b c", "d"]],
	['"\\n \\" \\$x"', ['\\n " $x']],
	["a\\ b", ["a b"]],
	["''", [""]],
	["it'\\''s'", ["it\\s"]],
	["'open", null],
])("%s", (line, expected) => expect(splitWords(line)).toEqual(expected));

test.each([[["a", "b c", "it's", "", '"$x"\\']], [["redis-server", "--appendonly", "yes"]]])(
	"%j survives",
	(words) => expect(splitWords(joinWords(words))).toEqual(words),
);
