import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import ContainersScreen from "./ContainersScreen.svelte";
import { containers } from "./containers.svelte";
import { listView } from "./list_view.svelte";
import { rowMenu } from "./row_menu.svelte";

// Loading it takes longer than a test waits.
beforeAll(() => import("../../components/Menu.svelte"), 30_000);
beforeEach(() => {
	listView.clearSelection();
	listView.cursor = null;
});
afterEach(() => {
	rowMenu.at = null;
});

async function row() {
	render(ContainersScreen);
	await screen.findByTestId("containers-table");
	// Without a layout, the list renders only the row of the cursor.
	listView.cursor = containers.all.find(({ name }) => name === "web")!.id;
	return screen.findByTestId("container-row-web");
}

it("opens at the pointer", async () => {
	await fireEvent.contextMenu(await row(), { clientX: 321, clientY: 123, button: 2 });
	await screen.findByRole("menu");
	expect(rowMenu.at).toEqual({ x: 321, y: 123 });
});

it("opens at the row with the keyboard", async () => {
	const web = await row();
	web.getBoundingClientRect = () => new DOMRect(60, 164, 650, 40);
	web.focus();
	await fireEvent.keyDown(web, { key: "F10", shiftKey: true });
	await screen.findByRole("menu");
	expect(rowMenu.at).toEqual({ x: 108, y: 200 });
});

it("opens at its button after it was open at the pointer", async () => {
	rowMenu.at = { x: 321, y: 123 };
	const web = await row();
	await fireEvent.pointerEnter(web);
	const button = await screen.findByTestId("container-menu-web");
	if (button.hasAttribute("data-state"))
		await fireEvent.pointerDown(button, { button: 0, pointerType: "mouse" });
	else await fireEvent.click(button);
	await screen.findByRole("menu");
	expect(rowMenu.at).toBeNull();
});

it("of one of several ticked rows acts on all of them, and says so", async () => {
	const web = await row();
	const running = containers.all.filter(({ state }) => state === "running").slice(0, 3);
	for (const { id } of new Set([containers.get(listView.cursor!)!, ...running].slice(0, 3)))
		listView.toggle(id);
	const many = listView.selected.length;
	expect(many).toBeGreaterThan(1);
	await fireEvent.contextMenu(web, { clientX: 321, clientY: 123, button: 2 });
	const pause = await screen.findByTestId("menu-pause");
	expect(pause.textContent).toContain(`Pause ${many} containers`);
	expect(screen.queryByTestId("menu-rename")).toBeNull();
});

it("of a row that is not ticked acts on it alone, as its keys do", async () => {
	const web = await row();
	const others = containers.all.filter(({ name }) => name !== "web").slice(0, 2);
	for (const { id } of others) listView.toggle(id);
	expect(listView.chosenWith(containers.all.find(({ name }) => name === "web")!)).toHaveLength(1);
	await fireEvent.contextMenu(web, { clientX: 321, clientY: 123, button: 2 });
	expect((await screen.findByTestId("menu-pause")).textContent).not.toContain("containers");
});
