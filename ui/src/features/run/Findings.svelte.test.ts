import { render, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { PlanFinding } from "../../host/host";
import Findings from "./Findings.svelte";

const problem = (
	message: string,
	hint: string | null = null,
	free_port: number | null = null,
): PlanFinding => ({
	field: "x",
	blocking: true,
	message,
	hint,
	free_port,
});
const lines = (container: HTMLElement) =>
	[...container.querySelectorAll("p")].map((it) => it.textContent?.trim());

test("two lines at most, unless nothing below has to keep its place", () => {
	const findings = ["one", "two", "three"].map((message) => problem(message, "Mend it"));
	expect(lines(render(Findings, { findings }).container)).toEqual(["one. Mend it", "two. Mend it"]);
	expect(lines(render(Findings, { findings, full: true }).container)).toHaveLength(3);
});

test("what is free is not said beside the button that takes it", () => {
	const findings = [problem("Port 3306 is in use", "3307 is free", 3307)];
	const { container } = render(Findings, { findings, port: 3306, onport: () => {} });
	expect(screen.getByTestId("use-free-port").textContent).toBe("Use 3307");
	expect(container.querySelector(".text")?.textContent).toBe("Port 3306 is in use");
	expect(lines(render(Findings, { findings }).container)).toEqual(["Port 3306 is in use. 3307 is free"]);
});
