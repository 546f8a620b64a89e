import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { tick } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { engineState } from "../../host/fixture/engine";
import { fixture } from "../../host/fixture/index";
import { host, type ImageView } from "../../host/host";
import { engine } from "../../state/engine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { runRequests } from "../../state/run_request.svelte";
import ImagesScreen from "./ImagesScreen.svelte";
import { images } from "./images.svelte";

/** An image with two references. */
let image: ImageView;

beforeEach(async () => {
	fixture.setUp("normal");
	await engine.start();
	fixture.emit("engineStateChanged", engineState("normal"));
	const [some] = await host.imageList();
	if (!some) throw new Error("the fixture has images");
	image = { ...some, tags: ["nginx:1.27", "shop/web:4"] };
	vi.spyOn(host, "imageList").mockImplementation(async () => [image]);
	navigation.go("images");
	runRequests.close();
	images.forget();
	render(ImagesScreen);
	await images.load();
});

const title = () => screen.getByTestId("image-sheet").querySelector("h2")?.textContent;

it("is titled by the reference whose row was opened, and runs that one", async () => {
	for (const reference of image.tags) {
		// Without a layout, the list has only the row of its cursor.
		images.cursor = reference;
		await tick();
		await fireEvent.click(document.querySelector(`[data-id="${reference}"]`)!);
		await waitFor(() => expect(title()).toBe(reference));
		const references = await screen.findByTestId("image-references");
		for (const tag of image.tags) expect(references.textContent).toContain(tag);
		await fireEvent.click(screen.getByTestId("image-sheet-run"));
		expect(runRequests.current?.what).toBe(reference);
	}
});

it("gives the name of the same image the room of the id, which is the same", async () => {
	const row = async (reference: string) => {
		images.cursor = reference;
		await tick();
		return document.querySelector(`[data-id="${reference}"]`)!;
	};
	const first = await row("nginx:1.27");
	expect(first.querySelector(".c-id")).not.toBeNull();
	const second = await row("shop/web:4");
	expect(second.textContent).toContain("same image as nginx:1.27");
	expect(second.querySelector(".c-id")).toBeNull();
	expect(second.querySelector(".tags")?.getAttribute("aria-colspan")).toBe("2");
});

it("shows an image that the address names by its id, and closes when it is gone", async () => {
	navigation.go("images", { id: image.id });
	await waitFor(() => expect(title()).toBe("nginx:1.27"));
	await screen.findByTestId("image-references");
	images.all = [];
	await waitFor(() => expect(screen.queryByTestId("image-sheet")).toBeNull());
	expect(navigation.place).toMatchObject({ screen: "images", id: null });
});
