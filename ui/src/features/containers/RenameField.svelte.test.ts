import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
import { HostError } from "../../host/host";
import { containers } from "./containers.svelte";
import RenameField from "./RenameField.svelte";

afterEach(() => {
	cleanup();
	vi.restoreAllMocks();
});

function field() {
	const onend = vi.fn();
	render(RenameField, { id: "a", name: "web", onend });
	return { onend, input: screen.getByTestId<HTMLInputElement>("rename-input") };
}

test("leaving it unchanged ends it", async () => {
	const { onend, input } = field();
	expect(document.activeElement).toBe(input);
	await fireEvent.blur(input);
	expect(onend).toHaveBeenCalledOnce();
});

test("a refusal shows names as code, above the page", async () => {
	vi.spyOn(containers, "rename").mockRejectedValue(
		new HostError({
			kind: "name_taken",
			message: "The name `db` is taken",
			hint: "Choose another",
			detail: null,
		}),
	);
	const { input } = field();
	await fireEvent.input(input, { target: { value: "db" } });
	await fireEvent.keyDown(input, { key: "Enter" });
	const problem = await screen.findByTestId("rename-problem");
	expect(problem.textContent).toBe("The name db is taken. Choose another");
	expect(problem.querySelector("code")?.textContent).toBe("db");
	// It moves nothing that is beside the field.
	expect(problem.closest(".rename")).toBeNull();
	expect(document.activeElement).toBe(input);
	await fireEvent.input(input, { target: { value: "db1" } });
	expect(screen.queryByTestId("rename-problem")).toBeNull();
});

test("a name is checked while it is typed, and is not sent as long as it is not valid", async () => {
	const rename = vi.spyOn(containers, "rename").mockResolvedValue();
	const { onend, input } = field();
	await fireEvent.input(input, { target: { value: "bad name!" } });
	const problem = () => screen.queryByTestId("rename-problem")?.textContent;
	expect(problem()).toBe("bad name! is not a valid container name. For example bad-name");
	expect(input.getAttribute("aria-invalid")).toBe("true");
	await fireEvent.keyDown(input, { key: "Enter" });
	expect(rename).not.toHaveBeenCalled();
	expect(onend).not.toHaveBeenCalled();
	await fireEvent.input(input, { target: { value: "bad-name" } });
	expect(problem()).toBeUndefined();
	await fireEvent.keyDown(input, { key: "Enter" });
	expect(rename).toHaveBeenCalledWith("a", "bad-name");
});
