import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { type ContainerView, host, type LogMatches } from "../../host/host";
import LogTab from "./LogTab.svelte";

let containers: ContainerView[];

beforeEach(async () => {
	localStorage.clear();
	fixture.setUp("normal");
	({ containers } = await host.containerList());
});

async function show(name: string) {
	const container = containers.find((it) => it.name === name)!;
	const shown = render(LogTab, { container });
	await waitFor(() => expect(screen.getByTestId("log-count").textContent).toContain("24,00"));
	await waitFor(() => expect(screen.queryAllByTestId("log-row").length).toBeGreaterThan(0));
	return shown;
}

const field = () => screen.getByTestId<HTMLInputElement>("log-search");
const typing = (text: string) => fireEvent.input(field(), { target: { value: text } });

describe("the log of a container", () => {
	it.each(["web", "etl"])("of %s opens at its newest line", async (name) => {
		await show(name);
		expect(screen.getByTestId("log-view").dataset.following).toBe("true");
		const last = screen.getAllByTestId("log-row").at(-1)!;
		expect(Number(last.dataset.line)).toBeGreaterThanOrEqual(23_999);
	});

	it("offers to follow only what can write", async () => {
		const { unmount } = await show("web");
		expect(screen.getByTestId("log-follow").textContent).toContain("Stop following");
		unmount();
		await show("etl");
		expect(screen.queryByTestId("log-follow")).toBeNull();
		expect(screen.getByTestId("log-count").textContent).toContain("ended");
	});

	it("has the way to the newest line under the lines, not over them", async () => {
		vi.spyOn(Element.prototype, "scrollHeight", "get").mockReturnValue(40_000);
		await show("web");
		await fireEvent.click(screen.getByTestId("log-follow"));
		screen.getByTestId("log-view").scrollTop = 0;
		await fireEvent.scroll(screen.getByTestId("log-view"));
		const jump = await screen.findByTestId("log-jump");
		expect(screen.getByTestId("log-view").parentElement?.contains(jump)).toBe(false);
		vi.restoreAllMocks();
	});
});

describe("the search in a log", () => {
	it("keeps the places of its parts while there is nothing to search", async () => {
		await show("web");
		const parts = () =>
			[...field().parentElement!.children].map(
				({ tagName, className }) => tagName + className.replace(/ unused/, ""),
			);
		const before = parts();
		await typing("upstream");
		expect(parts()).toEqual(before);
		expect(screen.getByTestId<HTMLButtonElement>("log-search-next")).toBeTruthy();
	});

	it("says at once that it searches, and then how much it found", async () => {
		await show("web");
		let answer: (matches: LogMatches) => void = () => {};
		vi.spyOn(host, "logSearch").mockImplementation(() => new Promise((resolve) => (answer = resolve)));
		await typing("upstream");
		const count = () => screen.getByTestId("log-search-count").textContent;
		expect(count()).toBe("Searching…");
		await waitFor(() => expect(host.logSearch).toHaveBeenCalled());
		answer({ lines: [9, 46], total: 2 });
		await waitFor(() => expect(count()).toMatch(/^[12] of 2$/));
		await typing("upstreams");
		expect(count()).toBe("Searching…");
	});

	it("names the filter in words", async () => {
		await show("web");
		expect(screen.getByTestId("log-search-only").textContent).toBe("Only matches");
	});

	it("goes on following when Escape ends a search that showed only matches", async () => {
		await show("web");
		await fireEvent.click(screen.getByTestId("log-search-only"));
		await typing("upstream");
		await waitFor(() =>
			expect(screen.getByTestId("log-view").getAttribute("aria-label")).toContain("Matching"),
		);
		await fireEvent.keyDown(field(), { key: "Escape" });
		await waitFor(() => expect(screen.getByTestId("log-view").getAttribute("aria-label")).toBe("Log of web"));
		await waitFor(() => expect(screen.getByTestId("log-view").dataset.following).toBe("true"));
		expect(Number(screen.getAllByTestId("log-row").at(-1)!.dataset.line)).toBeGreaterThanOrEqual(23_999);
	});

	it("closes the copy menu when the search takes the focus", async () => {
		await show("web");
		await fireEvent.pointerDown(screen.getByTestId("log-copy"), { button: 0, pointerType: "mouse" });
		await screen.findByRole("menu");
		await fireEvent.keyDown(document.body, { key: "f", ctrlKey: true });
		await waitFor(() => expect(screen.queryByRole("menu")).toBeNull());
		await waitFor(() => expect(document.activeElement).toBe(field()));
	});

	it("explains the mark of standard error", async () => {
		const { container } = await show("web");
		await waitFor(() => expect(container.querySelector(".line.stderr")).toBeTruthy());
		expect((await screen.findByTestId("log-legend")).textContent).toBe("standard error");
	});
});

it.each([
	["offers no way to the newest line while that is on screen", 0, null],
	["offers the way to the newest line while that is below the screen", 40_000, "Jump to newest"],
])("%s", async (_, height, offer) => {
	vi.spyOn(Element.prototype, "scrollHeight", "get").mockReturnValue(height);
	await show("etl");
	const view = screen.getByTestId("log-view");
	view.scrollTop = 0;
	await fireEvent.scroll(view);
	// A selection stops following where nothing can be scrolled.
	getSelection()?.selectAllChildren(screen.getAllByTestId("log-row").at(-1)!);
	await fireEvent(document, new Event("selectionchange"));
	await waitFor(() => expect(view.dataset.following).toBe("false"));
	expect(screen.queryByTestId("log-jump")?.textContent?.trim() ?? null).toBe(offer);
	vi.restoreAllMocks();
});
