import { fireEvent, render, screen, within } from "@testing-library/svelte";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { fixture } from "../../host/fixture/index";
import { engine } from "../../state/engine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { runRequests } from "../../state/run_request.svelte";
import BrowseScreen from "./BrowseScreen.svelte";
import { browse } from "./browse.svelte";

// `IntersectionObserver`, which browsers have and lazy rendering needs.
vi.stubGlobal(
	"IntersectionObserver",
	class {
		observe() {}
		disconnect() {}
	},
);

beforeEach(async () => {
	fixture.setUp("normal");
	sessionStorage.clear();
	browse.clear();
	runRequests.close();
	await engine.start();
	render(BrowseScreen);
	await screen.findByTestId("card-postgres");
});

describe("the category", () => {
	test("narrows what is shown without hiding that others match, and is lifted in place", async () => {
		await fireEvent.click(screen.getByTestId("category-monitoring"));
		await fireEvent.input(screen.getByTestId("browse-search"), { target: { value: "nginx" } });
		const others = await screen.findByTestId("browse-elsewhere");
		expect(others.textContent).toContain("No match in Monitoring. In other categories 1");
		expect(screen.getByTestId("card-nginx")).toBeTruthy();
		expect(screen.queryByTestId("browse-empty")).toBeNull();
		expect(screen.queryByTestId("card-reference")).toBeNull();
		await fireEvent.click(screen.getByTestId("category-lift"));
		await vi.waitFor(() => expect(screen.queryByTestId("browse-elsewhere")).toBeNull());
		expect(screen.getByTestId("card-nginx")).toBeTruthy();
		expect(screen.getByTestId("category-all").getAttribute("aria-pressed")).toBe("true");
	});

	test("another version of a known image is not told as unknown", async () => {
		await fireEvent.input(screen.getByTestId("browse-search"), { target: { value: "nginx:1.26" } });
		expect((await screen.findByTestId("card-reference")).textContent).toContain("Another version of nginx");
	});
});

describe("a pasted docker run line", () => {
	const type = (value: string) => fireEvent.input(screen.getByTestId("browse-search"), { target: { value } });

	test("offers its image with its tag, and says that its options are not used", async () => {
		await type("docker run -d -p 8085:80 --name pasted -e FOO=bar -m 256m nginx:1.26");
		const card = await screen.findByTestId("card-reference");
		expect(card.textContent).toContain("Run nginx:1.26");
		expect(card.textContent).toContain("Another version of nginx");
		expect(screen.getByTestId("browse-options").textContent).toBe(
			"The options of the command are not used; set them in the form",
		);
	});

	test("offers an image that the catalog does not have", async () => {
		await type("docker run -d slipway/webapp");
		expect((await screen.findByTestId("card-reference")).textContent).toContain("Run slipway/webapp");
		expect(screen.queryByTestId("browse-options")).toBeNull();
	});
});

describe("the details of an entry", () => {
	const open = async (slug: string) => {
		await fireEvent.click(screen.getByTestId(`card-${slug}`));
		return screen.findByTestId("entry-details");
	};

	test("say what it is, what is downloaded, and where it runs", async () => {
		const sheet = await open("postgres");
		const says = (text: string) => vi.waitFor(() => expect(sheet.textContent).toContain(text));
		await says("Docker Official Image");
		await says("5432/tcp");
		await says("/var/lib/postgresql/data");
		await says("POSTGRES_PASSWORD");
		await vi.waitFor(() =>
			expect(screen.getByTestId("entry-local").textContent).toMatch(/postgres:17 · [0-9.]+ MB/),
		);
		await fireEvent.click(await screen.findByTestId("entry-container-shop-db-1"));
		expect(navigation.place).toMatchObject({ screen: "containers", tab: "overview" });
		expect(screen.queryByTestId("entry-details")).toBeNull();
	});

	test("follow the engine", async () => {
		await open("redis");
		const list = await screen.findByTestId("entry-containers");
		const before = within(list).getAllByRole("listitem").length;
		const [some] = fixture.containers();
		if (!some) throw new Error("the fixture has containers");
		fixture.change({ upserted: [{ ...some, id: "f".repeat(64), name: "another", image: "redis:7-alpine" }] });
		await vi.waitFor(() => expect(within(list).getAllByRole("listitem")).toHaveLength(before + 1));
	});

	test("open with Enter and Space, and give the focus back", async () => {
		const card = screen.getByTestId("card-postgres");
		for (const key of ["Enter", " "]) {
			card.focus();
			await fireEvent.keyDown(card, { key });
			const sheet = await screen.findByTestId("entry-details");
			await vi.waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("entry-run")));
			await fireEvent.keyDown(sheet, { key: "Escape" });
			await vi.waitFor(() => expect(screen.queryByTestId("entry-details")).toBeNull());
			await vi.waitFor(() => expect(document.activeElement).toBe(card));
		}
		expect(runRequests.current).toBeNull();
	});

	test("run it, as it is or after a look at the plan", async () => {
		await open("postgres");
		await fireEvent.click(screen.getByTestId("entry-customise"));
		expect(runRequests.current).toMatchObject({ what: "postgres", how: "form" });
		await open("nginx");
		await fireEvent.click(screen.getByTestId("entry-run"));
		expect(runRequests.current).toMatchObject({ what: "nginx", how: "now" });
	});

	test("a card's own buttons open none", async () => {
		await fireEvent.click(screen.getByTestId("card-run-nginx"));
		expect(runRequests.current).toMatchObject({ what: "nginx", how: "now" });
		expect(screen.queryByTestId("entry-details")).toBeNull();
	});
});
