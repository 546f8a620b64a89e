import { expect, test } from "vitest";
import type { PullPhase } from "../host/host";
import { pullStep } from "./pull";

const at = (phase: PullPhase, bytes_total: number | null = 72_000_000) =>
	pullStep({
		image: "nginx:1.27",
		phase,
		layers_done: 3,
		layers_total: 7,
		bytes_done: 12_000_000,
		bytes_total,
	});

test("each phase of a pull has its words", () => {
	expect(pullStep(null)).toBe("Contacting the registry");
	expect(at("resolving")).toBe("Contacting the registry");
	expect(at("downloading")).toBe("Downloading, 12 of 72 MB");
	expect(at("downloading", null)).toBe("Downloading, 12 MB");
	expect(at("extracting")).toBe("Unpacking, 3 of 7 layers");
	expect(at("loading")).toBe("Loading the image that ships with Slipway");
	expect(at("done")).toBe("Done");
});
