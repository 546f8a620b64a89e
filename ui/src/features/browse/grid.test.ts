import { expect, test } from "vitest";
import { neighbour } from "./grid";

// Three columns: 0 1 2 / 3 4 5 / 6 7
const tops = [0, 0, 0, 100, 100, 100, 200, 200];

test.each([
	[0, "ArrowRight", 1],
	[2, "ArrowRight", 3],
	[7, "ArrowRight", 7],
	[0, "ArrowLeft", 0],
	[3, "ArrowLeft", 2],
	[1, "ArrowUp", -1],
	[4, "ArrowUp", 1],
	[7, "ArrowUp", 4],
	[1, "ArrowDown", 4],
	[5, "ArrowDown", 7],
	[6, "ArrowDown", 6],
	[4, "Home", 0],
	[4, "End", 7],
	[4, "a", undefined],
	[-1, "ArrowDown", undefined],
])("from %d, %s leads to %s", (at, key, expected) => expect(neighbour(tops, at, key)).toBe(expected));
