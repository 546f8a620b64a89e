import { fireEvent, render, screen } from "@testing-library/svelte";
import { beforeEach, expect, test, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { HostError, host } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import NeedsService from "./NeedsService.svelte";
import { PlanForm } from "./plan_form.svelte";

beforeEach(async () => {
	vi.restoreAllMocks();
	fixture.setUp("normal");
	await engine.start();
});

const formOf = async (what: string) => new PlanForm(await host.runDraft(what));
const value = (form: PlanForm, name: string) => form.env.find((row) => row.name === name)?.value;

test("runs what is needed first, and the form names it", async () => {
	const form = await formOf("wordpress");
	expect(form.runnable).toBe(false);
	render(NeedsService, { form });
	expect((await screen.findByTestId("run-need-mysql")).textContent).toContain("WordPress needs MySQL");
	await fireEvent.click(screen.getByTestId("run-need-start-mysql"));
	await vi.waitFor(() => expect(screen.getByTestId("run-need-mysql").dataset.state).toBe("done"));
	expect(screen.getByTestId("run-need-mysql").textContent).toContain("WORDPRESS_DB_PASSWORD");
	expect(form.network).toBe("wordpress-network");
	expect(value(form, "WORDPRESS_DB_HOST")).toBe("mysql");
	expect(value(form, "WORDPRESS_DB_PASSWORD")).not.toBe("");
});

test("offers a container that runs already", async () => {
	const [some] = fixture.containers();
	if (!some) throw new Error("the fixture has containers");
	fixture.change({
		upserted: [{ ...some, id: "d".repeat(64), name: "db", state: "running", image: "mysql:8.4" }],
	});
	const form = await formOf("wordpress");
	render(NeedsService, { form });
	const use = await screen.findByTestId("run-need-use-db");
	const card = screen.getByTestId("run-need-mysql").textContent;
	expect(card).toContain("Use one that is already running, or run another");
	expect(card).not.toContain("runs first");
	await fireEvent.click(use);
	await vi.waitFor(() => expect(value(form, "WORDPRESS_DB_HOST")).toBe("db"));
	expect(screen.getByTestId("run-need-mysql").dataset.state).toBe("done");
});

test("says why it did not run, and offers it again", async () => {
	vi.spyOn(host, "runNeeded").mockRejectedValue(
		new HostError({ kind: "network", message: "The registry cannot be reached", hint: null, detail: null }),
	);
	const form = await formOf("wordpress");
	render(NeedsService, { form });
	await fireEvent.click(await screen.findByTestId("run-need-start-mysql"));
	await screen.findByText("The registry cannot be reached");
	expect(screen.getByTestId("run-need-mysql").dataset.state).toBe("offered");
	expect(form.network).toBe("");
});

test("says nothing for an image that needs nothing", async () => {
	const asked = vi.spyOn(host, "runNeeds");
	const { container } = render(NeedsService, { form: await formOf("nginx") });
	expect(container.querySelector("section")).toBeNull();
	expect(asked).not.toHaveBeenCalled();
});
