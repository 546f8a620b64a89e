import { render, screen } from "@testing-library/svelte";
import { expect, it, vi } from "vitest";
import type { ContainerDetail } from "../../host/host";
import EndNote from "./EndNote.svelte";
import { container } from "./samples";

it("shows the newest of the last lines of a log", () => {
	vi.spyOn(Element.prototype, "scrollHeight", "get").mockReturnValue(900);
	const failed = container({ name: "etl", state: "exited", exit_code: 1, ending: "failed" });
	const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`).join("\n");
	render(EndNote, { container: failed, data: { container: failed, last_lines: lines } as ContainerDetail });
	expect(screen.getByTestId("last-lines").scrollTop).toBe(900);
});

it("tells a failed start without the exit code and the time of the run before", () => {
	const view = container({
		state: "exited",
		exit_code: 128,
		ending: "not_started",
		reason: "port 80 is in use",
	});
	const data = { container: view, start_error: "port 80 is in use", finished_at: "2026-01-01T00:00:00Z" };
	render(EndNote, { container: view, data: data as ContainerDetail });
	expect(screen.getByTestId("exit-reason").textContent?.trim()).toBe(
		"Could not be started: port 80 is in use",
	);
});

it("shows no lines of the run before a start that failed", () => {
	const view = container({
		state: "exited",
		exit_code: 0,
		ending: "not_started",
		reason: "port 80 is in use",
	});
	render(EndNote, { container: view, data: { container: view, last_lines: "ready\n" } as ContainerDetail });
	expect(screen.getByTestId("exit-reason").textContent).toContain("port 80 is in use");
	expect(screen.queryByTestId("last-lines")).toBeNull();
});
