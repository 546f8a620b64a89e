import { fireEvent, render, screen } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { describe, expect, it } from "vitest";
import ValueList from "./ValueList.svelte";

const variables = (count: number) =>
	Array.from({ length: count }, (_, at) => ({
		name: `NAME_${String(count - at).padStart(2, "0")}`,
		value: `v${at}`,
	}));
const names = () => [...document.querySelectorAll(".name")].map((it) => it.textContent);
const list = (values: { name: string; value: string; secret?: boolean }[]) =>
	render(ValueList, {
		title: "Environment",
		noun: "variables",
		values,
		"data-testid": "environment",
	});
const filter = async (text: string) => {
	await fireEvent.input(screen.getByTestId("environment-filter"), { target: { value: text } });
	flushSync();
};

describe("ValueList", () => {
	it("sorts by name, and shows a short list whole", () => {
		list(variables(8));
		expect(names()[0]).toBe("NAME_01");
		expect(names()).toHaveLength(8);
		expect(screen.queryByTestId("environment-filter")).toBe(null);
		expect(screen.queryByTestId("environment-all")).toBe(null);
	});

	it("folds a long list, and finds in all of it", async () => {
		list(variables(40));
		expect(names()).toHaveLength(8);
		await filter("name_3");
		expect(names()).toHaveLength(10);
		await filter("v0");
		expect(names()).toEqual(["NAME_40"]);
		await filter("nothing like it");
		expect(document.body.textContent).toContain("No variables match");
		await filter("");
		await fireEvent.click(screen.getByTestId("environment-all"));
		expect(names()).toHaveLength(40);
	});

	it("does not find a hidden value", async () => {
		list([...variables(9), { name: "API_TOKEN", value: "s3cret", secret: true }]);
		await filter("s3cret");
		expect(names()).toEqual([]);
		await filter("token");
		await fireEvent.click(screen.getByTestId("reveal-API_TOKEN"));
		await filter("s3cret");
		expect(names()).toEqual(["API_TOKEN"]);
	});

	it("breaks a long name after a dot", () => {
		list([{ name: "org.opencontainers.image", value: "1" }]);
		expect(document.querySelector(".name")?.innerHTML.replace(/<!--.*?-->/g, "")).toBe(
			"org.<wbr>opencontainers.<wbr>image",
		);
	});

	it("shows a name that comes twice", () => {
		list([
			{ name: "A", value: "1" },
			{ name: "A", value: "1" },
		]);
		expect(names()).toEqual(["A", "A"]);
	});
});
