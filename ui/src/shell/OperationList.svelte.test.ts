import { render, screen } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { afterEach, expect, it, vi } from "vitest";
import { operations } from "../state/operations.svelte";
import OperationList from "./OperationList.svelte";

afterEach(() => {
	operations.all = [];
});

it("shows texts on two lines, with a tooltip only for what is cut off", async () => {
	const operation = operations.begin("1", { title: "Run registry.example:5000/org/app:1" });
	operation.detail = "Testing hardware acceleration of this computer";
	render(OperationList);
	flushSync();
	const title = screen.getByText(operation.title);
	const detail = screen.getByText(operation.detail);
	for (const text of [title, detail]) expect(text.classList.contains("truncate")).toBe(false);
	title.dispatchEvent(new Event("pointerenter"));
	expect(title.title).toBe("");
	vi.spyOn(title, "scrollHeight", "get").mockReturnValue(60);
	vi.spyOn(title, "clientHeight", "get").mockReturnValue(34);
	title.dispatchEvent(new Event("pointerenter"));
	expect(title.title).toBe(operation.title);
});
