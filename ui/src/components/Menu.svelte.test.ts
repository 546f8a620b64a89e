import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import Example from "../gallery/examples/Menu.svelte";

async function open(name = "More") {
	render(Example);
	const button = screen.getByRole("button", { name });
	await fireEvent.pointerDown(button, { button: 0, pointerType: "mouse" });
	const menu = await screen.findByRole("menu");
	await waitFor(() => expect(menu.contains(document.activeElement)).toBe(true));
	return { button, menu };
}

/** Lets the work that follows a closing menu run. */
const settled = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

test("the button of an open menu has no tooltip", async () => {
	const { button, menu } = await open("More actions");
	expect(button.hasAttribute("title")).toBe(false);
	await fireEvent.keyDown(menu, { key: "Escape" });
	await waitFor(() => expect(button.title).toBe("More actions"));
});

test("a menu gives the focus back to its button", async () => {
	const { button, menu } = await open();
	await fireEvent.keyDown(menu, { key: "Escape" });
	await waitFor(() => expect(screen.queryByRole("menu")).toBeNull());
	await settled();
	expect(document.activeElement).toBe(button);
});

test("a menu leaves the focus in a field that its item opened", async () => {
	const { menu } = await open();
	const item = screen.getByRole("menuitem", { name: /Rename/ });
	item.focus();
	await fireEvent.keyDown(item, { key: "Enter" });
	await waitFor(() => expect(menu.isConnected).toBe(false));
	await settled();
	expect(document.activeElement).toBe(screen.getByLabelText("New name"));
});

test("a key that an item shows runs it and closes the menu", async () => {
	const { menu } = await open();
	await fireEvent.keyDown(document.activeElement!, { key: "F2" });
	await waitFor(() => expect(menu.isConnected).toBe(false));
	await settled();
	expect(document.activeElement).toBe(screen.getByLabelText("New name"));
});
