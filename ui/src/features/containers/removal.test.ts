import { expect, it } from "vitest";
import type { ContainerView, MountView } from "../../host/host";
import { removal } from "./removal";
import { container } from "./samples";

const volume = (source: string, target: string, anonymous = false): MountView => ({
	kind: "volume",
	source,
	target,
	read_only: false,
	anonymous,
});

const check = (containers: ContainerView[], title: string, goesAway: string[], stays: string[]) =>
	expect(removal(containers)).toEqual({ title, goesAway, stays });

it("says what goes away with one container", () => {
	check(
		[container({ name: "web" })],
		"Remove web?",
		[
			"The container web",
			"What it is doing: it is running and is killed first",
			"Files changed inside it that are in no volume, and its log",
		],
		[],
	);
});

it("names the volumes that stay", () => {
	check(
		[
			container({
				name: "db",
				state: "exited",
				mounts: [volume("data", "/data"), volume("f00", "/tmp/x", true)],
			}),
		],
		"Remove db?",
		["The container db", "Files changed inside it that are in no volume, and its log"],
		["The volume data stays.", "The unnamed volume at /tmp/x stays on the engine."],
	);
});

it("names many, and those of them that run", () => {
	const stopped = { state: "exited" } as const;
	check(
		[
			container({ name: "a", ...stopped, mounts: [volume("1", "/x", true)] }),
			container({ name: "b" }),
			...["c", "d", "e", "f", "g", "h"].map((name) => container({ name, ...stopped })),
		],
		"Remove 8 containers?",
		[
			"The containers a, b, c, d, e, f and 2 more",
			"What b is doing: what runs is killed first",
			"Files changed inside them that are in no volume, and their logs",
		],
		["The unnamed volume at a:/x stays on the engine."],
	);
});
