import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { tick } from "svelte";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { machineView } from "../../host/fixture/machine";
import { HostError, host } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { machine } from "../../state/machine.svelte";
import { runRequests } from "../../state/run_request.svelte";
import RunSheet from "./RunSheet.svelte";
import { sheet } from "./sheet.svelte";

beforeEach(async () => {
	fixture.setUp("normal");
	await engine.start();
	fixture.emit("engineStateChanged", engineState("normal"));
	sheet.close();
});

async function configure(what: string) {
	render(RunSheet);
	runRequests.run(what, "form");
	await waitFor(() => screen.getByTestId("run-start"));
}

const type = (testid: string, value: string) =>
	fireEvent.input(screen.getByTestId(testid), { target: { value } });
const marked = () => document.querySelectorAll("[data-testid=run-sheet] [aria-invalid=true]");
const isOpen = (testid: string) => (screen.getByTestId(testid) as HTMLDetailsElement).open;

test("the number of problems is that of the marked fields, and leads to each in turn", async () => {
	await configure("nginx");
	expect(isOpen("run-more")).toBe(false);
	await type("run-memory", "abc");
	await type("run-cpus", "99");
	await type("run-name", "not a name");
	await waitFor(() =>
		expect(screen.getByTestId("run-problems").textContent).toContain("3 fields to correct"),
	);
	expect(marked()).toHaveLength(3);
	expect(isOpen("run-more")).toBe(true);
	const visited: (string | undefined)[] = [];
	for (let click = 0; click < 4; click += 1) {
		(screen.getByTestId("run-more") as HTMLDetailsElement).open = false;
		await fireEvent.click(screen.getByTestId("run-problems"));
		const field = document.activeElement as HTMLElement;
		visited.push(field.dataset.testid);
		const section = field.closest("details");
		expect(section === null || section.open).toBe(true);
	}
	expect(visited).toEqual(["run-name", "run-memory", "run-cpus", "run-name"]);
	// Run focuses the first one instead of running.
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("run-name")));
	expect(sheet.run).toBeNull();
});

test("what is only empty is counted as fields to fill in", async () => {
	await configure("wordpress");
	const count = () => screen.getByTestId("run-problems");
	await waitFor(() => expect(count().textContent).toContain("1 field to fill in"));
	expect(count().querySelector("svg")).toBeNull();
	await fireEvent.click(count());
	expect(document.activeElement?.getAttribute("data-field")).toMatch(/^env-/);
	await type("run-name", "not a name");
	await waitFor(() => expect(count().textContent).toContain("2 fields to correct"));
	expect(count().querySelector("svg")).not.toBeNull();
});

test("a form with an empty required field opens at its top, and marks the field once it was left", async () => {
	const scrolled = vi.spyOn(Element.prototype, "scrollIntoView");
	await configure("wordpress");
	await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("run-name")));
	await screen.findByTestId("run-need-mysql");
	// A field that is visible where it is does not move.
	expect(scrolled.mock.calls).toEqual([[{ block: "nearest" }]]);
	expect(marked()).toHaveLength(0);
	const host = screen.getByTestId("run-env-WORDPRESS_DB_HOST").querySelector("input") as HTMLInputElement;
	await fireEvent.focusOut(screen.getByTestId("run-name"), { relatedTarget: host });
	expect(marked()).toHaveLength(0);
	await fireEvent.focusOut(host, { relatedTarget: screen.getByTestId("run-name") });
	await waitFor(() => expect([...marked()]).toEqual([host]));
});

test("Run marks an empty required field that was not left yet", async () => {
	await configure("wordpress");
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await waitFor(() => expect(marked()).toHaveLength(1));
	expect(document.activeElement).toBe(marked()[0]);
	expect(sheet.run).toBeNull();
});

test("a row that was just added is marked once it was left, or with the next Run", async () => {
	await configure("nginx");
	const add = async () => {
		await fireEvent.click(screen.getByTestId("run-add-port"));
		await waitFor(() => expect(sheet.form?.checked).toBe(true));
	};
	await add();
	const port = screen.getByTestId("run-container-port-1");
	expect(document.activeElement).toBe(port);
	expect(marked()).toHaveLength(0);
	// Within the row nothing was left.
	await fireEvent.focusOut(port, { relatedTarget: screen.getByTestId("run-host-port-1") });
	expect(marked()).toHaveLength(0);
	await fireEvent.focusOut(port, { relatedTarget: screen.getByTestId("run-name") });
	await waitFor(() => expect(port.getAttribute("aria-invalid")).toBe("true"));
	// Run was pressed before: another new row still starts without an error.
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await add();
	expect(screen.getByTestId("run-container-port-2").getAttribute("aria-invalid")).toBeNull();
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await waitFor(() =>
		expect(screen.getByTestId("run-container-port-2").getAttribute("aria-invalid")).toBe("true"),
	);
	expect(sheet.run).toBeNull();
});

test("the command says that it leaves secrets out, and only where it does", async () => {
	await configure("postgres");
	await waitFor(() => screen.getByTestId("run-docker-run-secrets"));
	expect(screen.getByTestId("run-docker-run").textContent).not.toContain(sheet.form?.mainEnv[0]?.value);
	expect(sheet.form?.check.docker_run_full).toContain(sheet.form?.mainEnv[0]?.value);
	sheet.close();
	runRequests.run("nginx", "form");
	await waitFor(() => expect(screen.getByTestId("run-docker-run").textContent).toContain("nginx"));
	expect(screen.queryByTestId("run-docker-run-secrets")).toBeNull();
});

test("a section stays open when what was wrong in it is mended", async () => {
	await configure("nginx");
	await type("run-memory", "abc");
	await waitFor(() => expect(isOpen("run-more")).toBe(true));
	await type("run-memory", "512");
	await waitFor(() => expect(screen.queryByTestId("run-problems")).toBeNull());
	expect(isOpen("run-more")).toBe(true);
	expect(sheet.form?.memory).toBe(512 * 1024 ** 2);
});

test("Escape asks before it throws edits away, and closes what was not edited", async () => {
	await configure("nginx");
	await type("run-name", "mine");
	const pressEscape = () => fireEvent.keyDown(document.activeElement ?? document.body, { key: "Escape" });
	await pressEscape();
	await waitFor(() => screen.getByTestId("run-discard-question"));
	await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("run-keep")));
	// A second Escape answers the confirmation: keep.
	await pressEscape();
	await waitFor(() => expect(screen.queryByTestId("run-discard-question")).toBeNull());
	expect((screen.getByTestId("run-name") as HTMLInputElement).value).toBe("mine");
	await fireEvent.click(screen.getByTestId("sheet-close"));
	await fireEvent.click(await waitFor(() => screen.getByTestId("run-discard")));
	await waitFor(() => expect(screen.queryByTestId("run-sheet")).toBeNull());

	runRequests.run("nginx", "form");
	await waitFor(() => screen.getByTestId("run-start"));
	await pressEscape();
	await waitFor(() => expect(screen.queryByTestId("run-sheet")).toBeNull());
});

describe("without an engine", () => {
	const noEngine = () => {
		fixture.emit("engineStateChanged", engineState("machine-stopped"));
		fixture.emit("machineChanged", machineView("machine-stopped"));
	};

	test("the machine can be started from the sheet, and from a run that failed for it", async () => {
		await machine.start();
		await configure("nginx");
		noEngine();
		await waitFor(() =>
			expect(screen.getByTestId("run-needs-engine").textContent).toContain("The machine is stopped."),
		);
		expect(screen.getByTestId("machine-start")).toBeTruthy();

		fixture.emit("engineStateChanged", engineState("normal"));
		await waitFor(() => screen.getByTestId("run-start"));
		vi.spyOn(host, "runStart").mockRejectedValue(
			new HostError({ kind: "no_engine", message: "No engine is responding", hint: null, detail: null }),
		);
		await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
		await waitFor(() => screen.getByTestId("run-failure"));
		noEngine();
		const act = vi.spyOn(host, "machineAct").mockResolvedValue(undefined as never);
		await fireEvent.click(await screen.findByTestId("machine-start"));
		expect(act).toHaveBeenCalledWith("start");
	});
});

test("before the machine starts, the sheet promises what it does then", async () => {
	await machine.start();
	fixture.setUp("machine-stopped");
	fixture.emit("engineStateChanged", engineState("machine-stopped"));
	fixture.emit("machineChanged", machineView("machine-stopped"));
	render(RunSheet);
	runRequests.run("nginx", "now");
	const start = await screen.findByTestId("machine-start");
	await waitFor(() => expect(sheet.form).not.toBeNull());
	const promise = "nginx runs as soon as the engine responds.";
	expect(start.textContent).toContain("Start the machine and run");
	expect(screen.getByTestId("run-needs-engine").textContent).toContain(promise);
	vi.spyOn(host, "machineAct").mockImplementation(async () => {
		fixture.emit("machineChanged", machineView("machine-starting"));
		return null;
	});
	await fireEvent.click(start);
	const cancel = await screen.findByTestId("run-stop-waiting");
	expect(cancel.textContent).toContain("Cancel the run");
	expect(screen.getByTestId("run-needs-engine").textContent).toContain(promise);
	await fireEvent.click(cancel);

	fixture.emit("machineChanged", machineView("machine-stopped"));
	runRequests.run("nginx", "form");
	await waitFor(() => expect(screen.getByTestId("machine-start").textContent).not.toContain("and run"));
	expect(screen.getByTestId("run-needs-engine").textContent).toContain("The settings appear here");
});

test("a folder is picked where it can be mounted", async () => {
	await configure("postgres");
	const row = sheet.form?.mounts[0];
	if (!row) throw new Error("postgres has a volume");
	expect(screen.queryByTestId("run-pick-folder-0")).toBeNull();
	row.kind = "bind";
	const source = () => screen.getByTestId("run-mount-source-0") as HTMLInputElement;
	await waitFor(() => expect(sheet.form?.checked).toBe(true));
	expect(source().getAttribute("aria-invalid")).toBeNull();
	expect(source().getAttribute("aria-label")).toBe("Folder on this computer");
	await fireEvent.focusOut(source(), { relatedTarget: screen.getByTestId("run-name") });
	await waitFor(() => expect(source().getAttribute("aria-invalid")).toBe("true"));
	expect(screen.getByTestId("run-mount-target-0").getAttribute("aria-invalid")).toBeNull();
	await fireEvent.click(screen.getByTestId("run-pick-folder-0"));
	await waitFor(() => expect(source().value).toBe("/home/ada/site"));
	if (sheet.form) sheet.form.check = { ...sheet.form.check, local_folders: false };
	await waitFor(() => expect(screen.queryByTestId("run-pick-folder-0")).toBeNull());
	expect(source().getAttribute("aria-label")).toBe("Folder on the computer that runs the engine");
	expect(await host.pickFolder()).toBe("/home/ada/site");
});

test("a row that was added has the focus", async () => {
	await configure("nginx");
	await fireEvent.click(screen.getByTestId("run-add-mount"));
	await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("run-mount-source-1")));
	await fireEvent.click(screen.getByTestId("run-add-port"));
	await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("run-container-port-1")));
	for (const _ of [1, 2]) {
		await fireEvent.click(screen.getByTestId("run-add-env"));
		await waitFor(() =>
			expect(document.activeElement).toBe(screen.getByPlaceholderText("NAME", { exact: true })),
		);
	}
});

test("after a failed run, a volume comes back with its name and its note", async () => {
	await configure("nginx");
	const [row] = sheet.form?.mounts ?? [];
	if (!row) throw new Error("nginx has a volume");
	const volume = row.source;
	row.kind = "bind";
	row.source = "/nope/here";
	vi.spyOn(host, "runStart").mockRejectedValueOnce(
		new HostError({ kind: "invalid_input", message: "There is no folder", hint: null, detail: null }),
	);
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await fireEvent.click(await screen.findByTestId("run-change"));
	const source = await screen.findByTestId<HTMLInputElement>("run-mount-source-0");
	expect(source.value).toBe("/nope/here");
	const again = sheet.form?.mounts[0];
	if (again) again.kind = "volume";
	await waitFor(() => expect(screen.getByTestId<HTMLInputElement>("run-mount-source-0").value).toBe(volume));
	const note = () => screen.getByTestId("run-mount-0").textContent;
	expect(note()).not.toContain("deleted");
	await type("run-mount-source-0", "");
	await waitFor(() => expect(note()?.toLowerCase()).toContain("deleted with the container"));
});

test("a folder that is missing on this computer is counted and stops Run", async () => {
	await configure("nginx");
	const check = host.runCheck;
	vi.spyOn(host, "runCheck").mockImplementation(async (plan) => {
		const answer = await check(plan);
		const at = plan.mounts.findIndex(({ source }) => source === "/nope/here");
		if (at < 0) return answer;
		const message = "There is no `/nope/here` on this computer";
		const hint = "Create the folder first, or check its path";
		const missing = { field: `mounts.${at}.source`, blocking: true, message, hint, free_port: null };
		return { ...answer, findings: [...answer.findings, missing] };
	});
	const [row] = sheet.form?.mounts ?? [];
	if (row) row.kind = "bind";
	await tick();
	await type("run-mount-source-0", "/nope/here");
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await waitFor(() => expect(screen.getByTestId("run-problems").textContent).toContain("1 field to correct"));
	expect(document.activeElement).toBe(screen.getByTestId("run-mount-source-0"));
	expect(sheet.run).toBeNull();
});

test("a taken name is replaced by a free one with one click", async () => {
	await configure("nginx");
	await type("run-name", "web");
	const use = await screen.findByTestId("use-free-name");
	expect(use.textContent).toBe("Use web-2");
	await fireEvent.click(use);
	expect(screen.getByTestId<HTMLInputElement>("run-name").value).toBe("web-2");
	await waitFor(() => expect(screen.queryByTestId("run-problems")).toBeNull());
});

test("the command is not shown with a port that is none, and names no hidden button", async () => {
	await configure("postgres");
	expect(screen.getByRole("heading", { name: "As a command" })).toBeTruthy();
	const secrets = () => screen.getByTestId("run-docker-run-secrets").textContent;
	expect(secrets()).toContain("Copy as docker run");
	await type("run-name", "not a name");
	await waitFor(() => expect(secrets()).toBe("Secrets are left out here."));
	await fireEvent.click(screen.getByTestId("run-add-port"));
	await waitFor(() => screen.getByTestId("run-docker-run-none"));
	expect(screen.queryByTestId("run-docker-run")).toBeNull();
	await type("run-container-port-1", "8000");
	await waitFor(() => screen.getByTestId("run-docker-run"));
});

test("a network that the engine does not have is marked after the run", async () => {
	await configure("nginx");
	await type("run-network", "nonet");
	vi.spyOn(host, "runStart").mockRejectedValueOnce(
		new HostError(
			{ kind: "not_found", message: "No such network: nonet", hint: null, detail: null },
			[],
			"network",
		),
	);
	await fireEvent.submit(document.querySelector("#run-form") as HTMLFormElement);
	await fireEvent.click(await screen.findByTestId("run-change"));
	const network = await screen.findByTestId("run-network");
	await waitFor(() => expect(network.getAttribute("aria-invalid")).toBe("true"));
	expect(isOpen("run-more")).toBe(true);
	expect(document.getElementById("run-network-findings")?.textContent).toContain("No such network: nonet");
});
