import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { expect, test, vi } from "vitest";
import Dialog from "./Dialog.svelte";

/** Buttons in a padded scroller reach its edges only with negative margins, for which WebKit shows a scroll bar. */
test("the buttons of a dialog are outside of what has its padding", async () => {
	render(Dialog, { open: true, title: "Remove web?", confirm: "Remove", onconfirm: () => {} });
	const title = await screen.findByText("Remove web?", { selector: ".dialog-title" });
	expect(title.closest(".dialog-body")).not.toBeNull();
	expect(screen.getByTestId("dialog-confirm").closest(".dialog-body")).toBeNull();
});

test("the button that confirms has the focus, and no held key presses it", async () => {
	const onconfirm = vi.fn();
	render(Dialog, { open: true, title: "Restart?", confirm: "Restart", onconfirm });
	const button = await screen.findByTestId("dialog-confirm");
	await waitFor(() => expect(document.activeElement).toBe(button));
	const held = new KeyboardEvent("keydown", { key: "Enter", repeat: true, bubbles: true, cancelable: true });
	button.dispatchEvent(held);
	expect(held.defaultPrevented).toBe(true);
	expect(onconfirm).not.toHaveBeenCalled();
	button.click();
	await waitFor(() => expect(onconfirm).toHaveBeenCalledOnce());
});

test("the first field has the focus, and Enter in it confirms what can be confirmed", async () => {
	const onconfirm = vi.fn();
	const children = createRawSnippet(() => ({ render: () => `<input data-testid="field">` }));
	const shown = render(Dialog, {
		open: true,
		title: "Delete?",
		confirm: "Delete",
		onconfirm,
		children,
		confirmDisabled: true,
	});
	const field = await screen.findByTestId("field");
	await waitFor(() => expect(document.activeElement).toBe(field));
	await fireEvent.keyDown(field, { key: "Enter" });
	expect(onconfirm).not.toHaveBeenCalled();
	await shown.rerender({ confirmDisabled: false });
	await fireEvent.keyDown(field, { key: "Enter" });
	expect(onconfirm).toHaveBeenCalledOnce();
});
