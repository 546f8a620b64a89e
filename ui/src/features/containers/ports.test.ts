import { describe, expect, it } from "vitest";
import { fitting, publishedPorts } from "./ports";
import { container, port } from "./samples";

it("shows a port of both families once, as open as the more open one", () => {
	const on = (ip: string) => ({ ...port(80, 8080), host_ip: ip, open_to_network: ip === "::" });
	const shown = publishedPorts(
		container({ ports: [on("127.0.0.1"), on("::"), port(443), { ...port(53, 53), protocol: "udp" }] }),
	);
	expect(shown.map(({ text, open }) => `${text} ${open}`)).toEqual(["8080 true", "53/udp false"]);
});

describe("fitting", () => {
	const ports = publishedPorts(
		container({ ports: [20_000, 20_001, 20_002, 20_003].map((at) => port(at, at)) }),
	);
	const check = (room: number, expected: number) => expect(fitting(ports, room), String(room)).toBe(expected);
	it("counts what has no room and never leaves out the first", () => {
		check(10, 1);
		check(70, 1);
		check(130, 2);
		check(180, 3);
		check(210, 4);
	});
	it("has nothing to show for nothing", () => expect(fitting([], 100)).toBe(0));
});
