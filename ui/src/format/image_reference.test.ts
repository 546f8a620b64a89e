import { expect, test } from "vitest";
import { shortReference, shownReference } from "./image_reference";

const digest = "0123456789ab".padEnd(64, "0");

test.each([
	["nginx:1.27", "nginx:1.27"],
	["registry.example:5000/org/app:1", "registry.example:5000/org/app:1"],
	[`ghcr.io/org/app:1@sha256:${digest}`, "ghcr.io/org/app:1@0123456789ab"],
	[`sha256:${digest}`, "0123456789ab"],
	["sha256:0123", "sha256:0123"],
])("%s", (reference, expected) => expect(shownReference(reference)).toBe(expected));

test.each([
	[40, "registry.example:5000/org/app:1"],
	[30, "…/org/app:1"],
	[10, "…/app:1"],
	[2, "…/app:1"],
])("a reference of %d characters", (room, expected) =>
	expect(shortReference("registry.example:5000/org/app:1", room)).toBe(expected),
);
test("what has no registry stays whole", () => expect(shortReference("wordpress:6", 3)).toBe("wordpress:6"));
