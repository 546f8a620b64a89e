import { render } from "@testing-library/svelte";
import { expect, test } from "vitest";
import CommandLine from "./CommandLine.svelte";

test.each([
	["docker run -d --name web nginx", ["docker", "run", "-d", "--name web", "nginx"]],
	[
		"docker run -d -e 'A=two  words' -it -p 80:80",
		["docker", "run", "-d", "-e 'A=two  words'", "-it", "-p 80:80"],
	],
	[
		"docker run -d -v a:/b \\\n  -e 'A=it'\\''s' img",
		["docker", "run", "-d", "-v a:/b \\", "-e 'A=it'\\''s'", "img"],
	],
	["sh -c 'a\nb' -", ["sh", "-c 'a\nb'", "-"]],
])("%j breaks between options only, and is copied as it is", (line, pieces) => {
	const { container } = render(CommandLine, { line });
	expect([...container.querySelectorAll(".piece")].map(({ textContent }) => textContent)).toEqual(pieces);
	expect(container.querySelector("pre")?.textContent).toBe(line);
});
