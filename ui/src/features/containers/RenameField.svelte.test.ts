import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
import { HostError } from "../../host/host";
import { containers } from "./containers.svelte";
import RenameField from "./RenameField.svelte";

afterEach(() => {
	cleanup();
	vi.restoreAllMocks();
});

function field(props: { floating?: boolean } = {}) {
	const onend = vi.fn();
	render(RenameField, { id: "a", name: "web", onend, ...props });
	return { onend, input: screen.getByTestId<HTMLInputElement>("rename-input") };
}

test("leaving it unchanged ends it", async () => {
	const { onend, input } = field();
	expect(document.activeElement).toBe(input);
	await fireEvent.blur(input);
	expect(onend).toHaveBeenCalledOnce();
});

test.each([true, false])("a refusal shows names as code, floating: %s", async (floating) => {
	vi.spyOn(containers, "rename").mockRejectedValue(
		new HostError({
			kind: "name_taken",
			message: "The name `db` is taken",
			hint: "Choose another",
			detail: null,
		}),
	);
	const { input } = field({ floating });
	await fireEvent.input(input, { target: { value: "db" } });
	await fireEvent.keyDown(input, { key: "Enter" });
	const problem = await screen.findByTestId("rename-problem");
	expect(problem.textContent).toBe("The name db is taken. Choose another");
	expect(problem.querySelector("code")?.textContent).toBe("db");
	// In the detail it takes its place; in a list it is above the page.
	expect(problem.closest(".rename") !== null).toBe(!floating);
	expect(document.activeElement).toBe(input);
});
