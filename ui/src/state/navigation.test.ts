import { expect, test } from "vitest";
import { fromHash, Navigation, navigation, toHash } from "./navigation.svelte";

test.each([
	["", { screen: "browse", id: null, tab: null }],
	["#/images", { screen: "images", id: null, tab: null }],
	["#/containers/abc/logs", { screen: "containers", id: "abc", tab: "logs" }],
	["#/containers//logs", { screen: "containers", id: null, tab: null }],
	["#/nowhere", { screen: "browse", id: null, tab: null }],
	["#/containers/%E0%A4%A", { screen: "containers", id: null, tab: null }],
] as const)("%s", (hash, place) => expect(fromHash(hash)).toEqual(place));

test("the place is in the address, and Back leads to the one before", () => {
	navigation.go("containers", { id: "a/b", tab: "logs" });
	expect(location.hash).toBe("#/containers/a%2Fb/logs");
	expect(fromHash(location.hash)).toEqual(navigation.place);
	navigation.go("images");
	expect(toHash(navigation.place)).toBe("#/images");
	history.replaceState(null, "", "#/engine");
	dispatchEvent(new PopStateEvent("popstate"));
	expect(navigation.screen).toBe("engine");
});

test("a window that opens anew shows the screen that it was left on, without a selection", () => {
	navigation.go("containers", { id: "abc", tab: "logs" });
	history.replaceState(null, "", location.pathname);
	expect(new Navigation().place).toEqual({ screen: "containers", id: null, tab: null });
	localStorage.setItem("slipway.screen", '"gone"');
	expect(new Navigation().screen).toBe("browse");
	localStorage.clear();
	expect(new Navigation().screen).toBe("browse");
});
