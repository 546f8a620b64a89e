import { expect, test } from "vitest";
import { registryPage, repository } from "./image_name";

test.each([
	["postgres", "postgres"],
	["postgres:17", "postgres"],
	["registry:5000/org/app:1", "registry:5000/org/app"],
	["registry:5000/org/app", "registry:5000/org/app"],
	["app@sha256:abc", "app"],
	["app:1@sha256:abc", "app"],
])("the repository of %s", (image, expected) => expect(repository(image)).toBe(expected));

test.each([
	["postgres:17", "https://hub.docker.com/_/postgres"],
	["grafana/grafana", "https://hub.docker.com/r/grafana/grafana"],
	["quay.io/jupyter/base-notebook", "https://quay.io/repository/jupyter/base-notebook"],
	["ghcr.io/org/app", undefined],
	["slipway.internal/welcome", undefined],
	["localhost/app", undefined],
])("the page of %s", (image, expected) => expect(registryPage(image)?.url).toBe(expected));
