import { expect, test } from "vitest";
import { score, search } from "./fuzzy";

const titles = [
	"Go to Browse",
	"Go to Containers",
	"Stop web",
	"Start web",
	"Open the logs of web",
	"Theme: dark",
	"Run nginx",
];

const commands = titles.map((title) => ({ title }));
const best = (query: string) => search(query, commands)[0]?.title;

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

test.each([
	[
		"a word's start before its middle",
		"sto",
		["Run custom", "Restore db", "Stop web"],
		["Stop web", "Restore db", "Run custom"],
	],
	["its middle before initials", "gt", ["Go to Browse", "Run bgtools"], ["Run bgtools", "Go to Browse"]],
	["words in any order", "web stop", ["Stop web", "Stop db"], ["Stop web"]],
	["scattered letters if nothing else matches", "stpw", ["Stop web", "Go to Images"], ["Stop web"]],
])("ranks %s", (_, query, all, expected) => {
	const found = search(
		query,
		all.map((title) => ({ title })),
	);
	expect(found.map(({ title }) => title)).toEqual(expected);
});

test("stop finds what stops, and nothing with the letters scattered", () => {
	const all = [
		{ title: "Restart web", hint: "registry.example/shop:1" },
		{ title: "Start shop", hint: "postgres:16" },
		{ title: "Show keyboard shortcuts for people" },
		{ title: "web", hint: "stopped 2 h ago" },
		{ title: "Stop web" },
		{ title: "Stop Slipway’s machine…" },
	];
	expect(search("stop", all).map(({ title }) => title)).toEqual([
		"Stop web",
		"Stop Slipway’s machine…",
		"web",
	]);
});

test("keywords and hints are searched, after the title", () => {
	const all = [{ title: "Theme: system", keywords: "dark light" }, { title: "Theme: dark" }];
	expect(search("dark", all).map(({ title }) => title)).toEqual(["Theme: dark", "Theme: system"]);
	expect(search("lig", all)).toEqual([all[0]]);
});
