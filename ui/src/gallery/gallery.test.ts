import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fireEvent, render } from "@testing-library/svelte";
import axe from "axe-core";
import { tick } from "svelte";
import { beforeEach, expect, test } from "vitest";
import { toasts } from "../state/toasts.svelte";
import { examples } from "./examples";

const components = readdirSync(resolve(import.meta.dirname, "../components"))
	.filter((file) => file.endsWith(".svelte"))
	.map((file) => file.replace(".svelte", ""));

beforeEach(() => {
	toasts.all = [];
});

/**
 * Contrast needs a layout, and styles/contrast.test.ts checks the tokens. Examples repeat a part, so rules
 * about whole pages do not apply.
 */
const rules = Object.fromEntries(
	["color-contrast", "region", "landmark-unique", "page-has-heading-one", "landmark-one-main"].map((rule) => [
		rule,
		{ enabled: false },
	]),
);

async function problems(): Promise<string[]> {
	const { violations } = await axe.run(document.body, { rules });
	return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

test("every component has an example, and every example its component", () => {
	const shown = examples.map(({ name }) => name).filter((name) => !name.includes("/"));
	expect(shown.sort()).toEqual(components.sort());
	for (const name of shown) {
		const source = readFileSync(resolve(import.meta.dirname, `examples/${name}.svelte`), "utf8");
		expect(source).toContain(`components/${name}.svelte`);
	}
});

test("axe finds what is wrong", async () => {
	document.body.innerHTML = "<button></button><input>";
	expect((await problems()).join()).toMatch(/button-name.*label/s);
	document.body.innerHTML = "";
});

test.each(examples)("$name is accessible in every state", { timeout: 60_000 }, async ({ Example }) => {
	const { container } = render(Example);
	await tick();
	expect(container.querySelector(".sample")).not.toBeNull();
	expect(await problems()).toEqual([]);
	for (const opens of container.querySelectorAll<HTMLElement>("[data-opens]")) {
		await fireEvent.pointerDown(opens, { button: 0, pointerType: "mouse" });
		await fireEvent.click(opens);
		await tick();
		expect(await problems()).toEqual([]);
		await fireEvent.keyDown(document.activeElement ?? document.body, { key: "Escape" });
		await tick();
	}
});
