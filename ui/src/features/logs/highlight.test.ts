import { describe, expect, it } from "vitest";
import type { LogSpan } from "../../host/host";
import { marker, pieces } from "./highlight";

const span = (text: string): LogSpan => ({
	text,
	fg: null,
	bg: null,
	bold: false,
	dim: false,
	italic: false,
	underline: false,
});

describe("pieces", () => {
	const check = (texts: string[], query: string, expected: string, regex = false, match_case = false) => {
		const find = marker({ text: query, regex, match_case });
		const shown = pieces(texts.map(span), find?.(texts.join("")) ?? []);
		expect(shown.map(({ text, marked }) => (marked ? `[${text}]` : text)).join("|")).toBe(expected);
	};

	it("cuts at what is marked, also across spans", () => {
		check(["GET /api/cart"], "cart", "GET /api/|[cart]");
		check(["cart"], "cart", "[cart]");
		check(["GET /a", "pi/ca", "rt 200"], "api/cart", "GET /|[a]|[pi/ca]|[rt]| 200");
		check(["aXbXc"], "x", "a|[X]|b|[X]|c");
		check(["aXbXc"], "x", "aXbXc", false, true);
		check(["a", "", "b"], "zzz", "a||b");
	});
	it("takes words literally and regular expressions as such", () => {
		check(["a.b axb"], "a.b", "[a.b]| axb");
		check(["a.b axb"], "a.b", "[a.b]| |[axb]", true);
		check(["aaa"], "x*", "aaa", true);
		check(["a(b"], "(", "a|[(]|b");
	});
	it("does without marks where the expression is none here", () => {
		expect(marker({ text: "(?<", regex: true, match_case: false })).toBe(null);
		expect(marker({ text: "", regex: false, match_case: false })).toBe(null);
	});
});
