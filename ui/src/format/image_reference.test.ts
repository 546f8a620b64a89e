import { expect, test } from "vitest";
import { shownReference } from "./image_reference";

const digest = "0123456789ab".padEnd(64, "0");

test.each([
	["nginx:1.27", "nginx:1.27"],
	["registry.example:5000/org/app:1", "registry.example:5000/org/app:1"],
	[`ghcr.io/org/app:1@sha256:${digest}`, "ghcr.io/org/app:1@0123456789ab"],
	[`sha256:${digest}`, "0123456789ab"],
	["sha256:0123", "sha256:0123"],
])("%s", (reference, expected) => expect(shownReference(reference)).toBe(expected));
