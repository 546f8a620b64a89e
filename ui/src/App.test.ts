import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, test } from "vitest";
import App from "./App.svelte";
import { engineState } from "./host/fixture/engine";
import { fixture } from "./host/fixture/index";
import { navigation } from "./state/navigation.svelte";

const patience = { timeout: 60_000 };

beforeEach(() => {
	fixture.setUp("normal");
	sessionStorage.clear();
	navigation.go("browse");
});

test("browse, run with one click, and find the address to open", { timeout: 60_000 }, async () => {
	render(App);
	await waitFor(() => expect(document.documentElement.dataset.ready).toBe("browse"), patience);
	await fireEvent.click(screen.getByTestId("card-run-grafana"));
	await waitFor(() => screen.getByTestId("run-ready"), patience);
	expect(screen.getByTestId("run-url").textContent).toBe("http://127.0.0.1:3000");
	expect(screen.getByTestId("run-note").textContent).toContain("Sign in as admin");
	// A secret is masked until it is revealed.
	expect(screen.getByTestId("run-secret-GF_SECURITY_ADMIN_PASSWORD").textContent).toContain("••••");
	await fireEvent.click(screen.getByTestId("run-done"));
	await waitFor(() => expect(screen.queryByTestId("run-sheet")).toBeNull(), patience);
});

test("without an engine one can look around, and is told what was tried", { timeout: 60_000 }, async () => {
	render(App);
	await waitFor(() => screen.getByTestId("card-nginx"), patience);
	await waitFor(() => screen.getByTestId("nav-containers-count"), patience);
	fixture.emit("engineStateChanged", engineState("no-engine"));
	await waitFor(() => expect(screen.getByTestId("nav-engine").dataset.state).toBe("no_engine"));
	expect(screen.queryByTestId("nav-containers-count")).toBeNull();
	expect(screen.getByTestId("card-nginx")).toBeTruthy();
	await fireEvent.click(screen.getByTestId("nav-engine"));
	await waitFor(() => screen.getByTestId("no-engine"), patience);
	expect(screen.getByTestId("endpoint-default").textContent).toContain("You are not allowed to use");
	fixture.emit("engineStateChanged", engineState("normal"));
	await waitFor(() => screen.getByTestId("engine-current"));
	expect(screen.queryByTestId("no-engine")).toBeNull();
});

test("while the engine does not answer, the window says so and stays usable", {
	timeout: 60_000,
}, async () => {
	render(App);
	await waitFor(() => screen.getByTestId("card-nginx"), patience);
	fixture.emit("engineStateChanged", engineState("not-responding"));
	await waitFor(() => expect(screen.getByTestId("engine-banner").textContent).toContain("is not responding"));
	expect(screen.getByTestId("card-run-nginx")).toBeTruthy();
	fixture.emit("engineStateChanged", engineState("normal"));
	await waitFor(() => expect(screen.queryByTestId("engine-banner")).toBeNull());
});

test("the arrow keys work in each list as soon as a key has led there", { timeout: 60_000 }, async () => {
	render(App);
	await waitFor(() => screen.getByTestId("card-nginx"), patience);
	screen.getByTestId("nav-settings").focus();
	for (const [digit, ready, line] of [
		["2", "containers-table", "[role=row]"],
		["3", "images-table", "[role=row]"],
		["1", "browse-grid", "[data-card]"],
	] as const) {
		await fireEvent.keyDown(document.activeElement!, { key: digit, ctrlKey: true });
		await waitFor(() => screen.getByTestId(ready), patience);
		await fireEvent.keyDown(document.activeElement!, { key: "ArrowDown" });
		await waitFor(() => expect(document.activeElement?.matches(line), digit).toBe(true));
		expect(screen.getByTestId(ready).contains(document.activeElement)).toBe(true);
	}
	const search = screen.getByTestId("browse-search");
	search.focus();
	await fireEvent.keyDown(search, { key: "ArrowLeft" });
	expect(document.activeElement).toBe(search);
});

test("the focus that Enter moves out of the search is visible", { timeout: 60_000 }, async () => {
	render(App);
	await waitFor(() => screen.getByTestId("card-nginx"), patience);
	const search = screen.getByTestId("browse-search");
	await fireEvent.pointerDown(search);
	search.focus();
	expect(document.documentElement.dataset.keyboard).toBeUndefined();
	await fireEvent.keyDown(search, { key: "Enter" });
	await waitFor(() => expect(document.activeElement?.matches("[data-card]")).toBe(true));
	expect(document.documentElement.dataset.keyboard).toBe("");
});

test("an image's details keep the list, and give the focus back to its row", {
	timeout: 60_000,
}, async () => {
	render(App);
	navigation.go("images");
	const row = (await screen.findAllByTestId("image-row", {}, patience))[0]!;
	row.focus();
	await fireEvent.keyDown(row, { key: "Enter" });
	const sheet = await screen.findByTestId("image-sheet", {}, patience);
	expect(row.isConnected).toBe(true);
	screen.getByTestId("sheet-close").focus();
	await fireEvent.keyDown(sheet, { key: "Escape" });
	await waitFor(() => expect(screen.queryByTestId("image-sheet")).toBeNull());
	await waitFor(() => expect(document.activeElement).toBe(row));
});
