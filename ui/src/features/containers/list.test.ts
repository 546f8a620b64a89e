import { describe, expect, it } from "vitest";
import type { ContainerView } from "../../host/host";
import {
	groupWords,
	type Heading,
	type ListItem,
	listItems,
	type Sort,
	sortContainers,
	trouble,
	troubleWords,
} from "./list";
import { container, port } from "./samples";

const byName: Sort = { column: "name", descending: false };
const show = (items: ListItem[]) =>
	items.map((item) =>
		item.kind === "heading"
			? `# ${item.title} ${item.running}/${item.ids.length}${item.collapsed ? " closed" : ""}`
			: item.container.name,
	);
const exited = { state: "exited", exit_code: 0, status: "Exited (0) 2 hours ago" } as const;

describe("sortContainers", () => {
	const check = (sort: Sort, containers: ContainerView[], expected: string[]) =>
		expect(sortContainers([...containers], sort, new Map()).map((c) => c.name)).toEqual(expected);

	it("sorts numbers in names as numbers", () => {
		const list = ["job-10", "job-9", "Job-1"].map((name) => container({ name }));
		check(byName, list, ["Job-1", "job-9", "job-10"]);
		check({ ...byName, descending: true }, list, ["job-10", "job-9", "Job-1"]);
	});
	it("puts containers without ports last and orders them by name", () => {
		const list = [
			container({ name: "b" }),
			container({ name: "a" }),
			container({ name: "web", ports: [port(80, 8080)] }),
			container({ name: "db", ports: [port(5432, 5432), port(9187)] }),
		];
		check({ column: "ports", descending: false }, list, ["db", "web", "a", "b"]);
	});
	it("sorts by what is used, and by name where that is not known", () => {
		const [a, b, c] = ["a", "b", "c"].map((name) => container({ name }));
		if (!a || !b || !c) throw new Error("three containers");
		const sample = (id: string, memory: number) => ({
			id,
			cpu_percent: null,
			memory_bytes: memory,
			memory_limit: null,
			network_rx_bytes: null,
			network_tx_bytes: null,
			block_read_bytes: null,
			block_write_bytes: null,
			pids: null,
		});
		const usage = new Map([[b.id, sample(b.id, 10)]]);
		const sorted = sortContainers([c, a, b], { column: "memory", descending: true }, usage);
		expect(sorted.map((x) => x.name)).toEqual(["b", "a", "c"]);
	});
});

describe("listItems", () => {
	const check = (containers: ContainerView[], expected: string[], collapsed: string[] = []) =>
		expect(
			show(listItems(sortContainers(containers, byName, new Map()), byName, new Set(collapsed))),
		).toEqual(expected);

	it("has no headings where all are alike", () => {
		check([container({ name: "b" }), container({ name: "a" })], ["a", "b"]);
		check([container({ name: "a", ...exited })], ["a"]);
		check([], []);
	});
	it("groups stacks and what is stopped", () => {
		const list = [
			container({ name: "etl", ...exited }),
			container({ name: "web" }),
			container({ name: "shop-ui", stack: "shop", ...exited }),
			container({ name: "shop-db", stack: "shop" }),
		];
		check(list, ["web", "# shop 1/2", "shop-db", "shop-ui", "# Stopped 0/1", "etl"]);
		check(list, ["web", "# shop 1/2 closed", "# Stopped 0/1", "etl"], ["stack:shop"]);
	});
	it("has a crash loop among what is stopped, as the chips do", () => {
		const loop = container({ name: "looper", state: "restarting", exit_code: 1, restart_count: 7 });
		check(
			[container({ name: "web" }), loop, container({ name: "etl", ...exited })],
			["web", "# Stopped 0/2", "etl", "looper"],
		);
	});
	it("ranks across groups when sorted by another column", () => {
		const list = [container({ name: "a", stack: "s" }), container({ name: "b", ...exited })];
		const sort: Sort = { column: "status", descending: false };
		expect(show(listItems(sortContainers(list, sort, new Map()), sort, new Set()))).toEqual(["a", "b"]);
	});
});

describe("a group", () => {
	it("tells what is wrong in it", () => {
		const check = (members: ContainerView[], words: string | null) =>
			expect(troubleWords(trouble(members))).toBe(words);
		check([container(), container({ ...exited })], null);
		check([container({ health: "unhealthy" }), container({ health: "healthy" })], "1 unhealthy");
		check(
			[
				container({ state: "restarting", exit_code: 1 }),
				container({ state: "exited", exit_code: 1, ending: "failed" }),
				container({ state: "exited", exit_code: 2, ending: "failed" }),
			],
			"2 failed · 1 keeps crashing",
		);
	});
	it("tells how many of it run", () => {
		const check = (members: ContainerView[], words: string) =>
			expect(groupWords(listItems(members, byName, new Set())[0] as Heading)).toBe(words);
		const member = (fields = {}) => container({ stack: "shop", ...fields });
		check([member(), member()], "2 running");
		check([member(), member(exited)], "1 of 2 running");
		check([member(), member({ state: "restarting", exit_code: 1 })], "1 of 2 running");
		check([member(exited), member(exited)], "2 stopped");
	});
});
