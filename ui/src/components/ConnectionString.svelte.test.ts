import { fireEvent, render, screen } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import * as clipboard from "../host/clipboard";
import ConnectionString from "./ConnectionString.svelte";

const connection = {
	from: "This computer",
	value: "postgresql://ada:s3cret@127.0.0.1:5432/ada",
	masked: "postgresql://ada:••••••••@127.0.0.1:5432/ada",
};

test("hides the password until asked, and copies the whole string", async () => {
	const copied = vi.spyOn(clipboard, "copyText").mockResolvedValue(true);
	const { container } = render(ConnectionString, { connection });
	expect(container.textContent).not.toContain("s3cret");
	await fireEvent.click(screen.getByTestId("connection-copy"));
	expect(copied).toHaveBeenCalledWith(connection.value);
	await fireEvent.click(screen.getByTestId("connection-reveal"));
	expect(container.textContent).toContain(connection.value);
	await fireEvent.click(screen.getByTestId("connection-reveal"));
	expect(container.textContent).not.toContain("s3cret");
});

test("has nothing to reveal where there is no password", () => {
	render(ConnectionString, {
		connection: { from: "This computer", value: "redis://127.0.0.1:6379", masked: "redis://127.0.0.1:6379" },
	});
	expect(screen.queryByTestId("connection-reveal")).toBeNull();
});
