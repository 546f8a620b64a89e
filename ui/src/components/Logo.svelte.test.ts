import { render } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import Logo from "./Logo.svelte";

test.each([
	["Jenkins", "J"],
	["ghcr.io/org/app:1", "A"],
	["registry.example:5000/tool", "T"],
	["_", "?"],
])("the tile of %s shows %s", async (name, letter) => {
	const { container } = render(Logo, { name, color: "#5a6470" });
	await vi.waitFor(() => expect(container.textContent?.trim()).toBe(letter));
});
