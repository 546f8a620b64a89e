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
			"Its processes: it is running and will be stopped",
			"Files in it that are not in a volume, and its logs",
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
		["The container db", "Files in it that are not in a volume, and its logs"],
		["The volume data is kept.", "The anonymous volume at /tmp/x is kept."],
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
			"1 running container will be stopped: b",
			"Files in them that are not in a volume, and their logs",
		],
		["The anonymous volume at a:/x is kept."],
	);
});

it("counts what keeps crashing apart from what runs, as the chips do", () => {
	const loop = container({ name: "looper", state: "restarting", exit_code: 1, restart_count: 7 });
	expect(removal([loop]).goesAway).toContain("Its restarts: it keeps crashing and will not be started again");
	expect(removal([container({ name: "web" }), loop]).goesAway).toEqual(
		expect.arrayContaining([
			"1 running container will be stopped: web",
			"1 container that keeps crashing will be stopped: looper",
		]),
	);
});
