import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import type { Scene } from "../../host/fixture/scene";
import { HostError, host, type MachineView } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { operations } from "../../state/operations.svelte";
import { runRequests } from "../../state/run_request.svelte";
import { toasts } from "../../state/toasts.svelte";
import { sheet } from "./sheet.svelte";

beforeAll(async () => {
	await engine.start();
	await machine.start();
});
beforeEach(() => {
	vi.restoreAllMocks();
	scene("normal");
	sheet.close();
	toasts.all = [];
});

async function ask(what: string, how: "now" | "form") {
	runRequests.run(what, how);
	await sheet.take({ what, how, entry: null });
}

/** The data of a scene, delivered as the backend does. */
function scene(next: Scene) {
	fixture.setUp(next);
	fixture.emit("machineChanged", machineView(next) as MachineView);
	fixture.emit("engineStateChanged", engineState(next));
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
	expect(run?.outcome?.note).toBe("Sign in as admin with the password ••••••••.");
	expect(Object.keys(run?.timings ?? {})).toEqual(["check", "pull", "create", "start", "wait"]);
	expect(operations.running).toEqual([]);
	// The sheet shows it; a toast would repeat it.
	expect(toasts.all).toEqual([]);
});

test("Run opens the form when something has to be decided", async () => {
	await ask("wordpress", "now");
	expect(sheet.run).toBeNull();
	expect(sheet.form?.problems).toHaveLength(1);
});

test("Configure always opens the form", async () => {
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

test("a refusal of the engine comes back as a mark on its field", async () => {
	scene("run-refused");
	await ask("nginx", "form");
	if (!sheet.form) throw new Error("the form is shown");
	sheet.form.cpus = 4;
	sheet.start(sheet.form.plan, sheet.form.dirty);
	await ended();
	const run = sheet.run;
	if (!run) throw new Error("the run is shown");
	expect(run.error?.field).toBe("cpus");
	// Closing would lose the edits.
	expect(sheet.mayClose()).toBe(false);
	await sheet.change(run);
	expect(sheet.form?.problems).toEqual([{ control: "cpus", missing: false }]);
	expect(sheet.form?.findings("cpus")[0]?.message).toBe("The engine has only 2 CPUs");
	expect(sheet.form?.hasMore).toBe(true);
});

describe("edits", () => {
	test("are not discarded without a question", async () => {
		await ask("nginx", "form");
		expect(sheet.mayClose()).toBe(true);
		expect(sheet.asking).toBe(false);
		if (sheet.form) sheet.form.name = "mine";
		sheet.requestClose();
		expect(sheet.asking).toBe(true);
		expect(runRequests.current).not.toBeNull();
		sheet.asking = false;
		expect(sheet.form?.name).toBe("mine");
		sheet.close();
		expect(runRequests.current).toBeNull();
		expect(sheet.asking).toBe(false);
	});

	test("a run that goes on is closed without a question", async () => {
		scene("slow-pull");
		await ask("nginx", "form");
		if (!sheet.form) throw new Error("the form is shown");
		sheet.form.name = "mine";
		sheet.start(sheet.form.plan, sheet.form.dirty);
		const run = sheet.run;
		expect(sheet.mayClose()).toBe(true);
		sheet.close();
		expect(run?.state).toBe("running");
		await run?.cancel();
		await vi.waitFor(() => expect(run?.state).toBe("cancelled"));
	});
});

describe("while the machine starts", () => {
	/** The requested start has finished, and the engine has a container with the entry's name. */
	async function machineRuns() {
		scene("machine-running");
		await vi.waitFor(() => expect(sheet.waiting).toEqual([]));
	}

	beforeEach(() => {
		scene("machine-stopped");
		vi.spyOn(host, "machineAct").mockImplementation(async () => {
			scene("machine-starting");
			sheet.machineMoved();
			return null;
		});
	});
	afterEach(() => sheet.stopWaiting());

	test("a run goes on when its engine responds, with a name that is free there", async () => {
		await ask("nginx", "now");
		expect(sheet.form?.name).toBe("nginx");
		await sheet.startMachine();
		expect(sheet.waits?.how).toBe("now");
		expect(operations.running.map(({ detail }) => detail)).toEqual(["Waiting for the machine"]);
		fixture.setUp("machine-running");
		const taken = fixture.containers()[0];
		if (!taken) throw new Error("the machine has containers");
		fixture.change({ upserted: [{ ...taken, name: "nginx" }] });
		fixture.emit("engineStateChanged", engineState("machine-running"));
		await vi.waitFor(() => expect(sheet.run?.plan.name).toBe("nginx-2"));
		expect(sheet.waiting).toEqual([]);
		await ended();
	});

	test("a form comes back with a fresh draft", async () => {
		await ask("nginx", "form");
		const early = sheet.form;
		await sheet.startMachine();
		await machineRuns();
		await vi.waitFor(() => expect(sheet.form).not.toBe(early));
		expect(sheet.run).toBeNull();
		expect(sheet.form).not.toBeNull();
	});

	test("a run goes on when the sheet is closed meanwhile", async () => {
		await ask("nginx", "now");
		await sheet.startMachine();
		sheet.close();
		await machineRuns();
		await vi.waitFor(() => expect(toasts.all[0]?.title).toBe("nginx is ready"));
	});

	test("a form opens again when the sheet is closed meanwhile", async () => {
		await ask("nginx", "form");
		await sheet.startMachine();
		sheet.close();
		await machineRuns();
		await vi.waitFor(() => expect(runRequests.current).toMatchObject({ what: "nginx", how: "form" }));
	});

	test("nothing runs on another engine without asking", async () => {
		await ask("nginx", "now");
		await sheet.startMachine();
		scene("normal");
		await vi.waitFor(() => expect(sheet.waiting).toEqual([]));
		await vi.waitFor(() => expect(sheet.form).not.toBeNull());
		expect(sheet.run).toBeNull();

		scene("machine-stopped");
		await ask("nginx", "now");
		await sheet.startMachine();
		sheet.close();
		scene("normal");
		await vi.waitFor(() =>
			expect(toasts.all.map(({ title }) => title)).toEqual(["The engine is ready to run nginx"]),
		);
		await vi.waitFor(() => expect(operations.running).toEqual([]));
	});

	test("edits made meanwhile stay", async () => {
		await ask("nginx", "now");
		await sheet.startMachine();
		const form = sheet.form;
		if (!form) throw new Error("there is a form");
		form.name = "mine";
		await machineRuns();
		await vi.waitFor(() => expect(form.checked).toBe(true));
		expect(sheet.form).toBe(form);
		expect(sheet.run).toBeNull();
		expect(form.name).toBe("mine");
	});

	test("what needs a service is not run without it", async () => {
		const draft = host.runDraft.bind(host);
		vi.spyOn(host, "runDraft").mockImplementation(async (what) => {
			const made = await draft(what);
			return made.entry ? { ...made, entry: { ...made.entry, needs: ["redis"] } } : made;
		});
		await ask("nginx", "now");
		await sheet.startMachine();
		sheet.close();
		await machineRuns();
		await vi.waitFor(() => expect(toasts.all[0]?.title).toBe("The engine is ready to run nginx"));
		expect(operations.running).toEqual([]);
	});

	test("nothing runs after the wait was cancelled", async () => {
		await ask("nginx", "now");
		await sheet.startMachine();
		operations.running[0]?.cancel?.();
		expect(toasts.all).toMatchObject([
			{ title: "Run nginx was cancelled", detail: "The machine continues to start" },
		]);
		sheet.close();
		await machineRuns();
		expect(operations.running).toEqual([]);
		expect(sheet.run).toBeNull();
	});

	test("a machine that stops on the way ends the wait", async () => {
		await ask("nginx", "now");
		await sheet.startMachine();
		scene("machine-stopped");
		sheet.machineMoved();
		expect(sheet.waiting).toEqual([]);
		expect(toasts.all).toMatchObject([
			{ title: "Run nginx was cancelled", detail: "The start of the machine was cancelled" },
		]);
		expect(operations.running).toEqual([]);
	});

	test("a start that is refused ends the wait", async () => {
		vi.mocked(host.machineAct).mockRejectedValueOnce(new Error("refused"));
		await ask("nginx", "now");
		await expect(sheet.startMachine()).rejects.toThrow("refused");
		expect(sheet.waiting).toEqual([]);
	});
});

describe("a needed service that failed after its sheet was closed", () => {
	const failed = async (undone: boolean) => {
		const [some] = fixture.containers();
		if (!some) throw new Error("the fixture has containers");
		vi.spyOn(host, "runNeeded").mockImplementation(async (_plan, _slug, _id, send) => {
			send({ type: "created", id: undone ? "f".repeat(64) : some.id, name: "mysql" });
			await new Promise((go) => setTimeout(go, 20));
			throw new HostError({ kind: "other", message: "MySQL does not answer", hint: null, detail: null });
		});
		await ask("wordpress", "form");
		const { form } = sheet;
		await form?.needs.load(form);
		void form?.needs.all[0]?.run();
		sheet.close();
		await vi.waitFor(() => expect(operations.failed.map(({ title }) => title)).toEqual(["Run MySQL"]));
		const operation = operations.failed[0];
		if (!operation || !form) throw new Error("it failed");
		return { operation, form, id: some.id };
	};

	test("leads to its container", async () => {
		const { operation, id } = await failed(false);
		operation.open?.();
		await vi.waitFor(() => expect(navigation.place).toMatchObject({ screen: "containers", id }));
		expect(runRequests.current).toBeNull();
		operations.dismiss(operation);
	});

	test("leads to the form that tells why, where nothing was left", async () => {
		const { operation, form } = await failed(true);
		operation.open?.();
		await vi.waitFor(() => expect(runRequests.current).toMatchObject({ what: "wordpress", how: "show" }));
		if (runRequests.current) await sheet.take(runRequests.current);
		expect(sheet.form).toBe(form);
		expect(form.closed).toBe(false);
		await form.needs.load(form);
		expect(form.needs.all[0]?.error?.error.message).toBe("MySQL does not answer");
		operations.dismiss(operation);
		expect(operations.all).toEqual([]);
	});
});
