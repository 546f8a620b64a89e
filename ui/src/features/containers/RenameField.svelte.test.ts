import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
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

test("a menu that closes behind it does not end it", async () => {
	const { onend, input } = field();
	expect(document.activeElement).toBe(input);
	input.blur();
	await vi.waitFor(() => expect(document.activeElement).toBe(input));
	expect(onend).not.toHaveBeenCalled();
});

test("leaving it unchanged ends it", async () => {
	const { onend, input } = field();
	const now = performance.now();
	vi.spyOn(performance, "now").mockReturnValue(now + 1_000);
	await fireEvent.blur(input);
	expect(onend).toHaveBeenCalledOnce();
});
