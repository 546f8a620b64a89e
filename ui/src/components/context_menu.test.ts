import { afterEach, expect, it } from "vitest";
import { limitContextMenu } from "./context_menu";

afterEach(() => getSelection()?.removeAllRanges());

it("leaves the browser's menu to text fields and selected text", () => {
	document.body.innerHTML =
		"<div id=veil></div><p id=text>some text</p><p id=other>other</p><input id=field><input id=box type=checkbox>";
	const stop = limitContextMenu(document);
	const opens = (id: string) =>
		document
			.getElementById(id)!
			.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));
	expect(["veil", "text", "box", "field"].map(opens)).toEqual([false, false, false, true]);
	getSelection()?.selectAllChildren(document.getElementById("text")!);
	expect(["text", "other"].map(opens)).toEqual([true, false]);
	stop();
	expect(opens("veil")).toBe(true);
});
