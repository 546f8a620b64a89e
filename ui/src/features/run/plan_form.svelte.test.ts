import { beforeEach, describe, expect, test, vi } from "vitest";
import { looksSecret } from "../../format/secret";
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

test.each([
	["POSTGRES_PASSWORD", true],
	["API_KEY", true],
	["GITHUB_TOKEN", true],
	["KEYBOARD", false],
	["PATH", false],
])("%s is a secret: %s", (name, secret) => expect(looksSecret(name)).toBe(secret));

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
		expect(form.missing.map(({ name }) => name)).toEqual(["WORDPRESS_DB_HOST"]);
		expect(form.runnable).toBe(false);
		const [row] = form.missing;
		if (row) row.value = "mysql";
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
		// A variable without a name is not there yet.
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
		expect(form.findings("name")[0]?.message).toContain("exists");
		answerFirst({ docker_run: "old", docker_run_full: "old", findings: [] });
		await vi.advanceTimersByTimeAsync(1);
		expect(form.findings("name")[0]?.message).toContain("exists");
		expect(form.checked).toBe(true);
	} finally {
		vi.useRealTimers();
	}
});
