import { expect, it } from "vitest";
import { looksSecret } from "./secret";

it.each([
	["POSTGRES_PASSWORD", true],
	["PGPASSWORD", true],
	["GITHUB_TOKEN", true],
	["SECRET_KEY_BASE", true],
	["API_KEY", true],
	["SSH_KEY", true],
	["AWS_SECRET_ACCESS_KEY", true],
	["POSTGRES_PASSWORD_FILE", false],
	["AWS_ACCESS_KEY_ID", false],
	["KEYBOARD", false],
	["PWD", false],
	["PATH", false],
	["MONKEY", false],
])("%s: %s", (name, expected) => expect(looksSecret(name)).toBe(expected));
