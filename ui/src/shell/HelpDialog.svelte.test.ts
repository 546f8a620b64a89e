import { render, screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import HelpDialog from "./HelpDialog.svelte";
import { help, shortcuts } from "./shortcuts.svelte";

it("lists all keys", async () => {
	help.open = true;
	render(HelpDialog);
	const dialog = await screen.findByTestId("help");
	expect(dialog.querySelectorAll("dt")).toHaveLength(shortcuts.flatMap(({ list }) => list).length);
	help.open = false;
});
