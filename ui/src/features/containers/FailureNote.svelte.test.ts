import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { containers } from "./containers.svelte";
import FailureNote from "./FailureNote.svelte";

afterEach(() => {
	containers.failures = null;
});

describe("FailureNote", () => {
	it("says what happened, with the engine’s own text folded away", () => {
		const raw = "driver failed programming external connectivity on endpoint web";
		containers.failures = {
			action: "start",
			total: 1,
			outcomes: [
				{
					id: "a",
					name: "web",
					changed: false,
					error: { kind: "port_taken", message: "Port 8080 is taken", hint: "Stop `db`", detail: raw },
				},
			],
		};
		render(FailureNote);
		expect(screen.getByRole("alert").textContent).toContain("web could not be started");
		const details = screen.getByText(raw).closest("details");
		expect(details?.open).toBe(false);
	});
});
