import { expect, test } from "vitest";
import { score } from "./fuzzy";

const titles = [
	"Go to Browse",
	"Go to Containers",
	"Stop web",
	"Start web",
	"Open the logs of web",
	"Theme: dark",
	"Run nginx",
];

function best(query: string): string | undefined {
	const scored = titles.flatMap((title) => {
		const points = score(query, title);
		return points === null ? [] : [{ title, points }];
	});
	return scored.sort((a, b) => b.points - a.points)[0]?.title;
}

test.each([
	["cont", "Go to Containers"],
	["gtb", "Go to Browse"],
	["logs", "Open the logs of web"],
	["stop w", "Stop web"],
	["sweb", "Stop web"],
	["dark", "Theme: dark"],
	["rng", "Run nginx"],
	["zzz", undefined],
])("%s finds %s", (query, expected) => expect(best(query)).toBe(expected));

test("no words match everything alike", () => expect(score("", "anything")).toBe(0));
