import { render, screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import Ports from "./Ports.svelte";
import { container, port } from "./samples";

it("opens a port that is published, and says who has one that is not to be had", () => {
	const taken = { ...port(81, 8081), url: null, unreachable: "taken by nginx (process 12)" };
	render(Ports, { container: container({ ports: [port(80, 8080), taken] }), room: 200, tabbable: true });
	expect(screen.getByTestId("port-url-80").getAttribute("href")).toBe("http://127.0.0.1:8080");
	expect(screen.queryByTestId("port-url-81")).toBeNull();
	expect(screen.getByText("8081").title).toContain("127.0.0.1:8081: taken by nginx (process 12)");
});

it("shows whole numbers and counts the rest", () => {
	const many = [60_000, 60_001, 60_002].map((at) => port(at, at));
	render(Ports, { container: container({ ports: many }), room: 90, tabbable: true });
	expect(screen.getByText("60000")).toBeTruthy();
	expect(screen.getByText("+2").title).toBe("60001, 60002");
});

it("marks what other computers reach", () => {
	const open = { ...port(80, 8080), host_ip: "0.0.0.0", open_to_network: true };
	render(Ports, { container: container({ ports: [open, port(443, 8443)] }), room: 300, tabbable: true });
	expect(screen.getAllByTestId("port-open")).toHaveLength(1);
	expect(screen.getByTestId("port-url-80").title).toContain("Reachable from other computers");
	expect(screen.getByTestId("port-url-443").title).not.toContain("Reachable");
});
