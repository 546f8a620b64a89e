import { expect, test } from "vitest";
import { shownReference } from "./image_reference";

const digest = "0123456789ab".padEnd(64, "0");

test.each([
	["nginx:1.27", "", "nginx:1.27"],
	["grafana/grafana:12", "", "grafana/grafana:12"],
	["registry.example:5000/org/app:1", "registry.example:5000", "/org/app:1"],
	["localhost/app", "localhost", "/app"],
	["ghcr.io/org/team/app:1", "ghcr.io", "/org/team/app:1"],
	[`nginx@sha256:${digest}`, "", "nginx@0123456789ab"],
	[`sha256:${digest}`, "", "0123456789ab"],
])("%s", (reference, registry, rest) => expect(shownReference(reference)).toEqual({ registry, rest }));
