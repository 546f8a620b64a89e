import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { host } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { operations } from "../../state/operations.svelte";
import { runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import { sheet } from "./sheet.svelte";

beforeAll(() => engine.start());
beforeEach(() => {
	fixture.setUp("normal");
	sheet.close();
	toasts.all = [];
});

async function ask(what: string, how: "now" | "form") {
	runRequests.run(what, how);
	await sheet.take({ what, how, entry: null });
}

const ended = () => vi.waitFor(() => expect(sheet.run?.state).not.toBe("running"));

test("Run starts at once when nothing needs deciding", async () => {
	await ask("grafana", "now");
	expect(sheet.form).toBeNull();
	expect(operations.running.map(({ title }) => title)).toEqual(["Run grafana"]);
	await ended();
	const run = sheet.run;
	expect(run?.state).toBe("ready");
	expect(run?.outcome?.url).toBe("http://127.0.0.1:3000");
	expect(run?.outcome?.note).toContain(run?.plan.env[0]?.value);
	expect(Object.keys(run?.timings ?? {})).toEqual(["check", "pull", "create", "start", "wait"]);
	expect(operations.running).toEqual([]);
	// The sheet shows it: a toast would say it twice.
	expect(toasts.all).toEqual([]);
});

test("Run opens the form when something has to be decided", async () => {
	await ask("wordpress", "now");
	expect(sheet.run).toBeNull();
	expect(sheet.form?.missing).toHaveLength(1);
});

test("Customise always opens the form", async () => {
	await ask("grafana", "form");
	expect(sheet.form?.runnable).toBe(true);
	expect(sheet.run).toBeNull();
});

test("what cannot be planned says why", async () => {
	await ask("two words", "now");
	expect(sheet.error?.kind).toBe("invalid_input");
});

test("a run goes on when the sheet is closed, and says when it is ready", async () => {
	const open = vi.spyOn(host, "openUrl");
	await ask("nginx", "now");
	sheet.close();
	await vi.waitFor(() => expect(toasts.all[0]?.title).toBe("nginx is ready"));
	toasts.all[0]?.actions.find(({ label }) => label === "Open")?.run();
	expect(open).toHaveBeenCalledWith("http://127.0.0.1:8081");
});

test("a failure names what was undone, and the plan can be changed or tried again", async () => {
	fixture.setUp("port-taken");
	await ask("nginx", "now");
	await ended();
	const run = sheet.run;
	if (!run) throw new Error("the run is shown");
	expect(run.state).toBe("failed");
	expect(run.error?.undone).toEqual(["the container `nginx` was removed"]);
	await vi.waitFor(() => expect(run.freePort).toEqual({ row: 0, port: 8082 }));
	await sheet.change(run);
	expect(sheet.form?.plan).toEqual(run.plan);
	fixture.setUp("normal");
	sheet.retry(run, (plan) => ({ ...plan, ports: plan.ports.map((port) => ({ ...port, host_port: 8082 })) }));
	await ended();
	expect(sheet.run?.outcome?.url ?? "").toBe("http://127.0.0.1:8082");
});

test("cancelling ends the run without an error", async () => {
	fixture.setUp("slow-pull");
	await ask("nginx", "now");
	await vi.waitFor(() => expect(sheet.run?.step).toBe("pull"));
	await sheet.run?.cancel();
	await ended();
	expect(sheet.run?.state).toBe("cancelled");
	expect(operations.running).toEqual([]);
	expect(toasts.all).toEqual([]);
});

test("the operation brings its run back to the sheet", async () => {
	fixture.setUp("slow-pull");
	await ask("nginx", "now");
	const run = sheet.run;
	sheet.close();
	expect(sheet.run).toBeNull();
	operations.running[0]?.open?.();
	expect(runRequests.current?.how).toBe("show");
	await sheet.take(runRequests.current ?? { what: "", how: "show", entry: null });
	expect(sheet.run).toBe(run);
	await run?.cancel();
	await ended();
});
