import { fireEvent, render, screen } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { copyText } from "../host/clipboard";
import { HostError } from "../host/host";
import { toasts } from "../state/toasts.svelte";
import ChipRow from "./ChipRow.svelte";
import EmptyState from "./EmptyState.svelte";
import ErrorNote from "./ErrorNote.svelte";
import Field from "./Field.svelte";
import { inkOn } from "./ink";
import NumberInput from "./NumberInput.svelte";
import ProgressBar from "./ProgressBar.svelte";
import SearchField from "./SearchField.svelte";
import Tabs from "./Tabs.svelte";
import ToastRegion from "./ToastRegion.svelte";

describe("NumberInput", () => {
	test("keeps what is typed on the way to a number", async () => {
		render(NumberInput, { value: 1, fraction: true, "aria-label": "CPUs" });
		const input = screen.getByLabelText<HTMLInputElement>("CPUs");
		await fireEvent.input(input, { target: { value: "1." } });
		expect(input.value).toBe("1.");
		await fireEvent.input(input, { target: { value: "1.5" } });
		expect(input.getAttribute("aria-invalid")).toBeNull();
		await fireEvent.input(input, { target: { value: "1.5x" } });
		expect(input.getAttribute("aria-invalid")).toBe("true");
	});
});

describe("Tabs", () => {
	test("arrow keys move around, and the tab follows", async () => {
		const onchange = vi.fn();
		const tabs = ["overview", "logs"].map((value) => ({ value, label: value }));
		render(Tabs, { tabs, value: "overview", label: "Container", name: "detail", onchange });
		await fireEvent.keyDown(screen.getByText("overview"), { key: "ArrowLeft" });
		expect(onchange).toHaveBeenCalledWith("logs");
		expect(document.activeElement?.textContent).toBe("logs");
	});
});

describe("SearchField", () => {
	test("slash goes to it, Escape empties and then leaves it", async () => {
		render(SearchField, { value: "", label: "Search images" });
		const input = screen.getByLabelText<HTMLInputElement>("Search images");
		await fireEvent.keyDown(document.body, { key: "/" });
		expect(document.activeElement).toBe(input);
		await fireEvent.input(input, { target: { value: "nginx" } });
		await fireEvent.keyDown(input, { key: "Escape" });
		expect(input.value).toBe("");
		await fireEvent.keyDown(input, { key: "Escape" });
		expect(document.activeElement).not.toBe(input);
	});
});

describe("toasts", () => {
	const noBrowser = new HostError({
		kind: "other",
		message: "No browser was found",
		hint: "Open http://127.0.0.1:8080/ in a browser yourself",
		detail: null,
	});
	beforeEach(() => {
		toasts.all = [];
		vi.useFakeTimers();
		return () => vi.useRealTimers();
	});

	test("go by themselves, but not under the pointer", async () => {
		render(ToastRegion);
		toasts.show("web was stopped", { lifetime: 1000 });
		await vi.advanceTimersByTimeAsync(0);
		await fireEvent.pointerEnter(screen.getByLabelText("Messages"));
		await vi.advanceTimersByTimeAsync(5000);
		expect(screen.getByTestId("toast").textContent).toContain("web was stopped");
		await fireEvent.pointerLeave(screen.getByLabelText("Messages"));
		await vi.advanceTimersByTimeAsync(1100);
		expect(screen.queryByTestId("toast")).toBeNull();
	});

	test("go after one was closed under the pointer and with the focus on its button", async () => {
		render(ToastRegion);
		toasts.show("web was stopped", { lifetime: 60_000 });
		toasts.show("web was removed", { lifetime: 1000 });
		await vi.advanceTimersByTimeAsync(0);
		await fireEvent.pointerEnter(screen.getByLabelText("Messages"));
		const close = screen.getAllByLabelText("Close")[0]!;
		close.focus();
		// Browsers send no pointerleave and no focusout for an element that is removed.
		screen
			.getByLabelText("Messages")
			.addEventListener("focusout", (event) => event.stopImmediatePropagation(), true);
		await fireEvent.click(close);
		await vi.advanceTimersByTimeAsync(1100);
		expect(toasts.all).toEqual([]);
	});

	test("go after the pointer left without a pointerleave", async () => {
		render(ToastRegion);
		toasts.show("web was removed", { lifetime: 1000 });
		await vi.advanceTimersByTimeAsync(0);
		await fireEvent.pointerEnter(screen.getByLabelText("Messages"));
		await fireEvent.pointerMove(document.body);
		await vi.advanceTimersByTimeAsync(1100);
		expect(toasts.all).toEqual([]);
	});

	test("a failure goes by itself as well, but not while nobody can see it", async () => {
		render(ToastRegion);
		const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
		await fireEvent(document, new Event("visibilitychange"));
		toasts.error(noBrowser);
		toasts.show("web was stopped");
		await vi.advanceTimersByTimeAsync(60_000);
		expect(toasts.all).toHaveLength(2);
		hidden.mockReturnValue(false);
		await fireEvent(document, new Event("visibilitychange"));
		await vi.advanceTimersByTimeAsync(29_000);
		expect(toasts.all.map(({ title }) => title)).toEqual(["No browser was found"]);
		await vi.advanceTimersByTimeAsync(1100);
		expect(toasts.all).toEqual([]);
	});

	test("an address is one piece, and a failure can be closed before its time", async () => {
		render(ToastRegion);
		toasts.error(noBrowser);
		await vi.advanceTimersByTimeAsync(0);
		const toast = screen.getByTestId("toast");
		expect(toast.textContent).toContain("Open http://127.0.0.1:8080/ in a browser yourself");
		expect(toast.querySelector(".address")?.textContent).toBe("http://127.0.0.1:8080/");
		await fireEvent.click(screen.getByLabelText("Close"));
		expect(toasts.all).toEqual([]);
	});

	test("an action closes its toast", async () => {
		const undo = vi.fn();
		render(ToastRegion);
		toasts.show("web was removed", { actions: [{ label: "Undo", run: undo }] });
		await vi.advanceTimersByTimeAsync(0);
		await fireEvent.click(screen.getByText("Undo"));
		expect(undo).toHaveBeenCalledOnce();
		expect(toasts.all).toEqual([]);
	});
});

test("an error shows what is in backquotes as code, and never as markup", () => {
	const error = {
		kind: "port_taken" as const,
		message: "Port 80 is in use by `<b>web</b>`",
		hint: "Stop it",
		detail: null,
	};
	const { container } = render(ErrorNote, { error });
	expect(screen.getByRole("alert").textContent).toContain("Port 80 is in use by <b>web</b>");
	expect(container.querySelector("code")?.textContent).toBe("<b>web</b>");
});

test("an empty state and the hint of a field show what is in backquotes as code", () => {
	const { container } = render(EmptyState, { title: "No engine", detail: "Start `dockerd`" });
	expect(container.querySelector("code")?.textContent).toBe("dockerd");
	const children = createRawSnippet(() => ({ render: () => "<input>" }));
	const field = render(Field, { label: "Name", hint: "As in `web`", children });
	expect(field.container.querySelector("code")?.textContent).toBe("web");
	expect(field.container.querySelector("[title]")).toBeNull();
});

test("a progress bar says how far it is, when that is known", () => {
	const { rerender } = render(ProgressBar, { value: 0.42, label: "Pull" });
	expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("42");
	void rerender({ value: null, label: "Pull" });
});

test.each([
	["#009639", "#ffffff"],
	["#ffca28", "#16191d"],
	["#000000", "#ffffff"],
	["#ffffff", "#16191d"],
])("ink on %s is %s", (color, ink) => expect(inkOn(color)).toBe(ink));

test("without clipboard permission, text is copied through a selection", async () => {
	Object.defineProperty(navigator, "clipboard", {
		configurable: true,
		value: { writeText: () => Promise.reject(new Error("denied")) },
	});
	const selected: (string | undefined)[] = [];
	document.execCommand = () => {
		selected.push(document.querySelector("textarea")?.value);
		return true;
	};
	expect(await copyText("docker run nginx")).toBe(true);
	expect(selected).toEqual(["docker run nginx"]);
	expect(document.querySelector("textarea")).toBeNull();
});

test("an error's raw text is folded under Details", () => {
	const raw = "Error response from daemon: driver failed programming external connectivity";
	const error = { kind: "other" as const, message: "The container could not start", hint: null, detail: raw };
	render(ErrorNote, { error });
	const details = screen.getByTestId<HTMLDetailsElement>("error-details");
	expect(details.open).toBe(false);
	expect(details.querySelector("summary")?.textContent).toBe("Details");
	expect(screen.getByText(raw).closest("details")).toBe(details);
	expect(screen.getByText("Copy details").closest("details")).toBe(details);
});

test("arrow keys move between chips", async () => {
	const { container } = render(ChipRow, {
		label: "Category",
		children: createRawSnippet(() => ({
			render: () => "<span><button>All</button><button>Running</button><button>Stopped</button></span>",
		})),
	});
	const [all, running, stopped] = container.querySelectorAll("button");
	all?.focus();
	await fireEvent.keyDown(all!, { key: "ArrowRight" });
	expect(document.activeElement).toBe(running);
	await fireEvent.keyDown(running!, { key: "End" });
	expect(document.activeElement).toBe(stopped);
});

test("chips that do not fit are reached with a click on an arrow", async () => {
	const width = vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(300);
	const whole = vi.spyOn(HTMLElement.prototype, "scrollWidth", "get").mockReturnValue(900);
	const scrolled = vi.spyOn(HTMLElement.prototype, "scrollBy").mockImplementation(() => {});
	try {
		const { container } = render(ChipRow, {
			label: "Category",
			children: createRawSnippet(() => ({ render: () => "<span><button>All</button></span>" })),
		});
		const [, back, on] = container.querySelectorAll("button");
		expect(back?.disabled).toBe(true);
		expect(on?.disabled).toBe(false);
		await fireEvent.click(on!);
		expect(scrolled).toHaveBeenCalledWith({ left: 240 });
	} finally {
		for (const spy of [width, whole, scrolled]) spy.mockRestore();
	}
});
