import { render, screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import Ports from "./Ports.svelte";
import { container, port } from "./samples";

it("opens a port that is published, and says who has one that is not to be had", () => {
	const taken = { ...port(81, 8081), url: null, unreachable: "taken by nginx (process 12)" };
	render(Ports, { container: container({ ports: [port(80, 8080), taken] }), tabbable: true });
	expect(screen.getByTestId("port-url-80").getAttribute("href")).toBe("http://127.0.0.1:8080");
	expect(screen.queryByTestId("port-url-81")).toBeNull();
	expect(screen.getByText("8081").title).toContain("127.0.0.1:8081: taken by nginx (process 12)");
});
