import { render, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import Dialog from "./Dialog.svelte";

/** Buttons in a padded scroller reach its edges only with negative margins, for which WebKit shows a scroll bar. */
test("the buttons of a dialog are outside of what has its padding", async () => {
	render(Dialog, { open: true, title: "Remove web?", confirm: "Remove", onconfirm: () => {} });
	const title = await screen.findByText("Remove web?", { selector: ".dialog-title" });
	expect(title.closest(".dialog-body")).not.toBeNull();
	expect(screen.getByTestId("dialog-confirm").closest(".dialog-body")).toBeNull();
});
