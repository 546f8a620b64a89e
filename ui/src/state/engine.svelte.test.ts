import { beforeAll, expect, test } from "vitest";
import { docker } from "../host/fixture/docker";
import { engineState } from "../host/fixture/engine";
import { fixture } from "../host/fixture/index";
import { announcer } from "./announcer.svelte";
import { engine } from "./engine.svelte";

beforeAll(() => engine.start());

test("what the engine is comes from its answers", () => {
	expect(engine.connected).toBe(true);
	expect(engine.view).toEqual(docker);
	expect(engine.stale).toBe(false);
});

test("while it does not answer, what was last known stays", () => {
	fixture.emit("engineStateChanged", engineState("not-responding"));
	expect(engine.connected).toBe(false);
	expect(engine.stale).toBe(true);
	expect(engine.view).toEqual(docker);
	expect(announcer.text).toContain("is not responding");
});

test("without an engine there is nothing to show of it", () => {
	fixture.emit("engineStateChanged", engineState("no-engine"));
	expect(engine.view).toBeNull();
	expect(engine.stale).toBe(false);
});

test("it recovers by itself", () => {
	fixture.emit("engineStateChanged", engineState("normal"));
	expect(engine.connected).toBe(true);
});

test("one that does not answer cannot be switched to, and the reason is passed on", async () => {
	await expect(engine.use("work")).rejects.toThrow("does not answer");
	expect(engine.switching).toBeNull();
	await engine.use("podman");
	expect(engine.view?.product).toBe("Podman");
	expect(engine.endpoints.find((endpoint) => endpoint.current)?.name).toBe("podman");
	await engine.use("default");
});

test.each([
	["DOCKER_HOST", "Docker", "Docker"],
	["DOCKER_HOST", null, "DOCKER_HOST"],
	["machine", "Docker", "Slipway’s machine"],
	["work", "Docker", "work"],
])("the engine at %s, %s, is called %s", (endpoint, product, name) =>
	expect(engine.nameOf(endpoint, product)).toBe(name),
);

test.each([
	["default", "Docker 29.1.0 · 8 CPUs · 16 GB · amd64"],
	["work", "work · Docker 29.1.0 · 8 CPUs · 16 GB · amd64"],
	["machine", "Slipway’s machine · 8 CPUs · 16 GB · amd64"],
])("the engine at %s is summed up in one line", (endpoint, line) => {
	const view = {
		...docker,
		endpoint,
		version: "29.1.0",
		cpus: 8,
		memory_bytes: 16 * 1024 ** 3,
		arch: "amd64",
	};
	fixture.emit("engineStateChanged", { type: "connected", engine: view });
	expect(engine.summary).toBe(line);
});
