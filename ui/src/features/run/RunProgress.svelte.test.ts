import { render, screen } from "@testing-library/svelte";
import { beforeEach, expect, test, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { host, type RunEvent } from "../../host/host";
import RunProgress from "./RunProgress.svelte";
import { Run } from "./run.svelte";

beforeEach(() => {
	vi.restoreAllMocks();
	fixture.setUp("normal");
});

/** A run that reports some events and goes on. */
async function running(events: RunEvent[]) {
	const { plan, entry } = await host.runDraft("nginx");
	vi.spyOn(host, "runStart").mockImplementation((_plan, _id, hear) => {
		for (const event of events) hear(event);
		return new Promise(() => {});
	});
	const run = new Run(plan, entry, () => {});
	void run.go();
	render(RunProgress, { run });
}

test("an image that the engine has counts as downloaded", async () => {
	// The engine has the image, so the step is never reported.
	await running([
		{ type: "step", step: "check" },
		{ type: "step", step: "create" },
	]);
	const pull = screen.getByTestId("run-step-pull");
	expect(pull.dataset.state).toBe("done");
	expect(pull.textContent).toContain("already downloaded");
	expect(screen.getByTestId("run-step-start").dataset.state).toBe("waiting");
});

test("a pull that is still to come is not called needless", async () => {
	await running([{ type: "step", step: "check" }]);
	const pull = screen.getByTestId("run-step-pull");
	expect(pull.dataset.state).toBe("waiting");
	expect(pull.textContent).not.toContain("already downloaded");
});
