import { flushSync } from "svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { Containers } from "./containers.svelte";
import { ContainerListView, type StateChip } from "./list_view.svelte";
import { container, port } from "./samples";

async function view(names: string[], stack: string | null = null) {
	localStorage.clear();
	const all = names.map((name) =>
		container(name.startsWith("old") ? { name, stack, state: "exited", exit_code: 0 } : { name, stack }),
	);
	const host = {
		containerList: async () => ({ revision: 0, containers: all }),
		on: async () => () => {},
	};
	const list = new Containers(host as never, (run) => run());
	await list.start();
	flushSync();
	return { view: new ContainerListView(list), ids: all.map(({ id }) => id) };
}

describe("ContainerListView", () => {
	beforeEach(() => sessionStorage.clear());

	it("narrows by state, and keeps that for the session", async () => {
		const { view: list } = await view(["web", "old-web", "db"]);
		list.choose("running");
		expect(list.sorted.map(({ name }) => name)).toEqual(["db", "web"]);
		list.choose("stopped");
		list.filterText = "web";
		expect(list.sorted.map(({ name }) => name)).toEqual(["old-web"]);
		expect(list.filtered).toHaveLength(2);
		expect((await view(["web", "old-web"])).view.sorted.map(({ name }) => name)).toEqual(["old-web"]);
	});

	it("counts a crash loop as stopped and as a problem, so that running and stopped add up to all", async () => {
		localStorage.clear();
		const all = [
			container({ name: "web" }),
			container({ name: "sick", health: "unhealthy" }),
			container({ name: "loop", state: "restarting", exit_code: 1, restart_count: 7 }),
			container({ name: "flap", restart_count: 3, since: new Date(Date.now() - 2_000).toISOString() }),
			container({ name: "failed", state: "exited", exit_code: 1, ending: "failed" }),
			container({ name: "done", state: "exited", exit_code: 0, ending: "finished" }),
		];
		const host = { containerList: async () => ({ revision: 0, containers: all }), on: async () => () => {} };
		const source = new Containers(host as never, (run) => run());
		await source.start();
		flushSync();
		const list = new ContainerListView(source);
		const names = (chip: StateChip) => {
			list.choose(chip);
			return list.sorted.map(({ name }) => name);
		};
		expect(names("running")).toEqual(["sick", "web"]);
		expect(names("stopped")).toEqual(["done", "failed", "flap", "loop"]);
		expect(names("problems")).toEqual(["failed", "flap", "loop", "sick"]);
		expect([source.running, source.troubled]).toEqual([2, 4]);
		expect(names("running").length + names("stopped").length).toBe(names("all").length);
	});

	it("has nothing ticked once what was ticked is gone", async () => {
		const { view: list, ids } = await view(["web", "db"]);
		expect(list.tickState).toBe("none");
		list.toggle(ids[0]!);
		expect(list.tickState).toBe("some");
		list.toggle(ids[1]!);
		expect(list.tickState).toBe("all");
		list.clearSelection();
		list.toggle("removed meanwhile");
		expect(list.tickState).toBe("none");
		list.prune((id) => ids.includes(id));
		expect(list.ticked.size).toBe(0);
	});

	it("filters", async () => {
		const { view: list } = await view(["web", "db", "cache"]);
		list.filterText = "name:b";
		expect(list.sorted.map(({ name }) => name)).toEqual(["db", "web"]);
	});

	it("finds a container by its port after it was stopped", async () => {
		localStorage.clear();
		const web = container({ name: "web", ports: [port(80, 8081)] });
		let change: (delta: unknown) => void = () => {};
		const host = {
			containerList: async () => ({ revision: 0, containers: [web] }),
			on: async (_: string, run: (delta: unknown) => void) => {
				change = run;
				return () => {};
			},
		};
		const source = new Containers(host as never, (run) => run());
		await source.start();
		flushSync();
		const list = new ContainerListView(source);
		list.filterText = "8081";
		expect(list.sorted).toHaveLength(1);
		change({ revision: 1, upserted: [{ ...web, state: "exited", exit_code: 0, ports: [] }], removed: [] });
		flushSync();
		expect(list.sorted.map(({ state }) => state)).toEqual(["exited"]);
		list.filterText = "port:8081";
		expect(list.sorted).toHaveLength(1);
	});

	it("ticks ranges in the order shown", async () => {
		const { view: list, ids } = await view(["d", "a", "c", "b"]);
		list.toggle(ids[1]!);
		list.toggle(ids[2]!, true);
		expect(list.selected.map(({ name }) => name)).toEqual(["a", "b", "c"]);
		list.toggle(ids[3]!);
		expect(list.selected.map(({ name }) => name)).toEqual(["a", "c"]);
		list.toggleAll();
		expect(list.selected).toHaveLength(4);
		list.toggleAll();
		expect(list.selected).toHaveLength(0);
	});

	it("acts on nothing that the filter hides", async () => {
		const { view: list } = await view(["web", "db"]);
		list.selectAll();
		list.filterText = "web";
		expect(list.selected.map(({ name }) => name)).toEqual(["web"]);
	});

	it("moves the cursor over headings and rows, and stays inside", async () => {
		const { view: list } = await view(["a", "b"], "shop");
		expect(list.move(1)).toBe(0);
		expect(list.cursor).toBe("stack:shop");
		expect(list.move(10)).toBe(2);
		expect(list.move(-1)).toBe(1);
		list.toggleGroup("stack:shop");
		expect(list.items).toHaveLength(1);
		expect((await view([])).view.move(1)).toBe(-1);
	});

	it("opens groups while filtering, and remembers that they were closed", async () => {
		const { view: list } = await view(["a", "b"], "shop");
		list.toggleGroup("stack:shop");
		list.filterText = "a";
		expect(list.items).toHaveLength(2);
		list.filterText = "";
		expect(list.items).toHaveLength(1);
	});

	it("turns the order around, biggest first where that is what one looks for", async () => {
		const { view: list } = await view(["a", "b"]);
		list.sortBy("name");
		expect(list.sorted.map(({ name }) => name)).toEqual(["b", "a"]);
		list.sortBy("cpu");
		expect(list.sort).toEqual({ column: "cpu", descending: true });
	});
});
