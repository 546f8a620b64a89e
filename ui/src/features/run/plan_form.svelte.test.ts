import { beforeEach, describe, expect, test, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { host } from "../../host/host";
import { PlanForm, splitTag } from "./plan_form.svelte";

beforeEach(() => fixture.setUp("normal"));

const open = async (what: string) => new PlanForm(await host.runDraft(what));

test.each([
	["nginx:1.27", "nginx", "1.27"],
	["nginx", "nginx", null],
	["registry.example:5000/org/app", "registry.example:5000/org/app", null],
	["registry.example:5000/org/app:1", "registry.example:5000/org/app", "1"],
	["nginx@sha256:abc", "nginx@sha256:abc", null],
])("the tag of %s", (image, repository, tag) => expect(splitTag(image)).toEqual({ repository, tag }));

test("a variable that was typed is masked once the plan was checked", async () => {
	const form = new PlanForm(await host.runDraft("redis"));
	form.addEnv();
	const [row] = form.env.slice(-1);
	if (!row) throw new Error("no row");
	row.name = "API_TOKEN";
	row.value = "s3cret";
	form.edited();
	await form.settled();
	expect(form.isSecret(row)).toBe(true);
	row.name = "LOG_LEVEL";
	form.edited();
	await form.settled();
	expect(form.isSecret(row)).toBe(false);
});

describe("the plan", () => {
	test("is the draft's as long as nothing is edited", async () => {
		const draft = await host.runDraft("postgres");
		expect(new PlanForm(draft).plan).toEqual(draft.plan);
	});

	test("leaves out a port that is switched off, and findings stay with their rows", async () => {
		const form = await open("jenkins");
		const [page, agents] = form.ports;
		if (!page || !agents) throw new Error("jenkins has two ports");
		page.published = false;
		agents.hostPort = 6379;
		agents.chosen = true;
		await form.checkNow();
		expect(form.plan.ports).toHaveLength(1);
		expect(form.portFindings(page)).toEqual([]);
		expect(form.portFindings(agents)[0]).toMatchObject({ blocking: true, free_port: 6380 });
		expect(form.runnable).toBe(false);
		form.usePort(agents, 6380);
		await form.checkNow();
		expect(form.runnable).toBe(true);
		expect(form.plan.ports[0]).toMatchObject({ host_port: 6380, fixed: false });
	});

	test("leaves out optional variables without a value", async () => {
		const form = await open("postgres");
		const user = form.env.find((row) => row.name === "POSTGRES_USER");
		if (user) user.value = "";
		expect(form.plan.env.map(({ name }) => name)).toEqual(["POSTGRES_PASSWORD", "POSTGRES_DB"]);
	});

	test("cannot be run while a required variable is empty", async () => {
		const form = await open("wordpress");
		const row = form.env.find(({ name }) => name === "WORDPRESS_DB_HOST");
		if (!row) throw new Error("wordpress needs a database");
		expect(form.problems).toEqual([{ control: `env-${row.key}.value`, missing: true }]);
		expect(form.runnable).toBe(false);
		row.value = "mysql";
		await form.checkNow();
		expect(form.runnable).toBe(true);
	});

	test("has the command's words, and cannot be run with an open quote", async () => {
		const form = await open("redis");
		form.command = "redis-server --save '60 1'";
		expect(form.plan.command).toEqual(["redis-server", "--save", "60 1"]);
		form.command = "redis-server '";
		expect(form.runnable).toBe(false);
	});

	test("takes rows added by hand, and gives them up again", async () => {
		const form = await open("redis");
		form.addPort();
		form.addEnv();
		form.addMount();
		expect(form.plan.ports).toHaveLength(2);
		expect(form.plan.mounts).toHaveLength(2);
		// A variable without a name does not count yet.
		expect(form.plan.env).toHaveLength(0);
		for (const row of [form.ports[1], form.env[0], form.mounts[1]]) if (row) form.remove(row);
		expect(form.plan.ports).toHaveLength(1);
		expect(form.plan.mounts).toHaveLength(1);
	});

	test("a memory mount has no source", async () => {
		const form = await open("redis");
		const [row] = form.mounts;
		if (row) row.kind = "tmpfs";
		expect(form.plan.mounts[0]?.source).toBeNull();
	});
});

describe("problems", () => {
	test("a limit that is no number is marked, and nothing runs with it", async () => {
		const form = await open("nginx");
		form.unreadMemory = "abc";
		expect(form.problems).toEqual([{ control: "memory", missing: false }]);
		expect(form.findings("memory")[0]?.message).toBe("`abc` is not an amount of memory");
		expect(form.runnable).toBe(false);
		form.cpus = 99;
		await form.checkNow();
		expect(form.problems.map(({ control }) => control)).toEqual(["memory", "cpus"]);
		form.unreadMemory = null;
		form.cpus = 2;
		await form.checkNow();
		expect(form.problems).toEqual([]);
	});

	test("each marked field counts once, whoever found it, in the order of the form", async () => {
		const form = await open("wordpress");
		// The backend and the form both report that it is missing.
		await form.checkNow();
		expect(form.problems).toHaveLength(1);
		form.name = "not a name";
		form.addMount();
		form.showAll();
		form.network = "a b";
		await form.checkNow();
		const [mount] = form.mounts.slice(-1);
		const missing = form.env.find(({ name }) => name === "WORDPRESS_DB_HOST");
		expect(form.problems.map(({ control }) => control)).toEqual([
			"name",
			`env-${missing?.key}.value`,
			`mount-${mount?.key}.target`,
			"network",
		]);
	});

	test("a value without a name is marked, and an empty row is no problem", async () => {
		const form = await open("nginx");
		form.addEnv();
		await form.checkNow();
		expect(form.problems).toEqual([]);
		const [row] = form.env.slice(-1);
		if (!row) throw new Error("a row was added");
		row.value = "x";
		await form.checkNow();
		expect(form.problems.map(({ control }) => control)).toEqual([`env-${row.key}.name`]);
	});

	test("a row that was added has to be filled in, and is not marked before it was left", async () => {
		const form = await open("nginx");
		form.addPort();
		form.addMount();
		await form.checkNow();
		const [row] = form.ports.slice(-1);
		const [mount] = form.mounts.slice(-1);
		const missing = [`port-${row?.key}.container_port`, `mount-${mount?.key}.target`];
		expect(form.problems).toEqual(missing.map((control) => ({ control, missing: true })));
		expect(form.runnable).toBe(false);
		expect(missing.filter((control) => form.marked(control))).toEqual([]);
		form.showAll();
		expect(missing.filter((control) => form.marked(control))).toEqual(missing);
		expect(row && form.portFindings(row)[0]?.message).toBe("The container port is missing");
	});

	test("what the engine refused is marked until it is edited", async () => {
		const form = await open("nginx");
		form.cpus = 4;
		form.refuse("cpus", "The engine has only 2 CPUs", null);
		await form.checkNow();
		expect(form.problems.map(({ control }) => control)).toEqual(["cpus"]);
		form.cpus = 2;
		expect(form.problems).toEqual([]);
	});

	test("a finding of a row is shown at the part that it names", async () => {
		const form = await open("postgres");
		const [row] = form.mounts;
		if (!row) throw new Error("postgres has a volume");
		row.kind = "bind";
		await form.checkNow();
		const source = `mount-${row.key}.source`;
		expect(form.problems).toEqual([{ control: source, missing: true }]);
		expect(form.runnable).toBe(false);
		// Nothing was typed yet.
		expect(form.marked(source)).toBe(false);
		form.showAll();
		expect(form.marked(source)).toBe(true);
	});
});

test("the name of a volume is no folder, and comes back with its kind", async () => {
	const form = await open("postgres");
	const [row] = form.mounts;
	if (!row) throw new Error("postgres has a volume");
	const volume = row.source;
	expect(volume).not.toBe("");
	row.kind = "bind";
	expect(row.source).toBe("");
	row.source = "/srv/data";
	row.kind = "volume";
	expect(row.source).toBe(volume);
	row.kind = "bind";
	expect(row.source).toBe("/srv/data");
});

test("the name of a volume survives a form that is built again", async () => {
	const draft = await host.runDraft("postgres");
	const before = new PlanForm(draft);
	const [row] = before.mounts;
	if (!row) throw new Error("postgres has a volume");
	const volume = row.source;
	row.kind = "bind";
	row.source = "/nope/here";
	const after = new PlanForm({ ...draft, plan: before.plan }, true, before.mountSources);
	expect(after.mounts[0]?.source).toBe("/nope/here");
	if (after.mounts[0]) after.mounts[0].kind = "volume";
	expect(after.mounts[0]?.source).toBe(volume);
});

test("an empty variable is not counted, and is not added twice", async () => {
	const form = await open("redis");
	const before = form.otherEnvCount;
	const control = form.addEnv();
	expect(form.addEnv()).toBe(control);
	expect(form.otherEnvCount).toBe(before);
	const [row] = form.env.slice(-1);
	if (row) row.name = "LEVEL";
	expect(form.otherEnvCount).toBe(before + 1);
	expect(form.addEnv()).not.toBe(control);
});

test("a taken name comes with one that is free", async () => {
	const form = await open("nginx");
	form.name = "not a name";
	await form.checkNow();
	expect(form.freeName).toBeNull();
	form.name = "web";
	await form.checkNow();
	expect(form.freeName).toBe("web-2");
});

test("the command has the ports that will be used", async () => {
	const form = await open("nginx");
	const [row] = form.ports;
	if (!row) throw new Error("nginx has a port");
	row.hostPort = 6379;
	await form.checkNow();
	expect(form.portFindings(row)[0]?.hint).toBe("6380 is free and will be used");
	expect(form.check.docker_run).toContain("6380:80");
	expect(form.check.docker_run_full).toContain("6380:80");
	expect(form.plan.ports[0]?.host_port).toBe(6379);
	// A port that was chosen is not replaced.
	row.chosen = true;
	await form.checkNow();
	expect(form.check.docker_run).toContain("6379:80");
});

test("only edits make a form dirty", async () => {
	const form = await open("nginx");
	expect(form.dirty).toBe(false);
	form.addEnv();
	expect(form.dirty).toBe(false);
	form.unreadCpus = "x";
	expect(form.dirty).toBe(true);
	form.unreadCpus = null;
	form.name = "other";
	expect(form.dirty).toBe(true);
});

test("another secret comes from another draft", async () => {
	const form = await open("postgres");
	const [password] = form.mainEnv;
	if (!password) throw new Error("postgres has a password");
	const before = password.value;
	await form.regenerate(password);
	expect(password.value).not.toBe(before);
	expect(password.value).toHaveLength(24);
});

test("typing asks once it pauses, and an answer to an older plan is dropped", async () => {
	const form = await open("nginx");
	vi.useFakeTimers();
	try {
		const asked = vi.spyOn(host, "runCheck");
		let answerFirst = (_: unknown) => {};
		asked.mockImplementationOnce(() => new Promise((done) => (answerFirst = done as never)));
		form.name = "a b";
		form.edited();
		form.edited();
		await vi.advanceTimersByTimeAsync(200);
		expect(asked).toHaveBeenCalledTimes(1);
		form.name = "web";
		form.edited();
		expect(form.checked).toBe(false);
		await vi.advanceTimersByTimeAsync(200);
		expect(form.findings("name")[0]?.message).toContain("Another container");
		answerFirst({
			docker_run: "old",
			docker_run_full: "old",
			secrets: [],
			findings: [],
			local_folders: false,
		});
		await vi.advanceTimersByTimeAsync(1);
		expect(form.findings("name")[0]?.message).toContain("Another container");
		expect(form.checked).toBe(true);
	} finally {
		vi.useRealTimers();
	}
});
