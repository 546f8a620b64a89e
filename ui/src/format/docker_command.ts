import { splitWords } from "./shell_words";

/** The image that a command line names. */
export interface CommandImage {
	image: string;
	/** Whether the line says more than the image, and that it runs in the background. */
	options: boolean;
}

/** Options without a value, as in crates/catalog/src/pasted.rs. */
const SWITCHES = new Set([
	"--all-tags",
	"--detach",
	"--disable-content-trust",
	"--help",
	"--init",
	"--interactive",
	"--no-healthcheck",
	"--oom-kill-disable",
	"--privileged",
	"--publish-all",
	"--quiet",
	"--read-only",
	"--rm",
	"--sig-proxy",
	"--tty",
]);
/** Whether the next word is the value of this option: `-p`, `-itp` and `--name`, but not `-it`, `-p80:80` and `--rm`. */
function takesValue(option: string): boolean {
	if (option.startsWith("--")) return !option.includes("=") && !SWITCHES.has(option);
	return option.slice(1).replace(/^[ditPqa]+/, "").length === 1;
}

/** The image of a `docker run`, `create` or `pull` line. Null for any other text, and until the image is typed. */
export function imageOfCommand(line: string): CommandImage | null {
	const command =
		/^\s*(?:[$#]\s+)?(?:sudo\s+)?(?:docker|podman|nerdctl)\s+(?:(?:image|container)\s+)?(?:run|create|pull)\s+(.*)$/s;
	const words = splitWords((command.exec(line)?.[1] ?? "").replace(/\\\r?\n/g, " "));
	if (!words) return null;
	let at = 0;
	let options = false;
	for (let word = words[at]; word?.startsWith("-"); word = words[at]) {
		at += 1;
		if (word === "--") break;
		if (takesValue(word)) at += 1;
		options ||= word !== "-d" && word !== "--detach";
	}
	const image = words[at];
	return image ? { image, options: options || at + 1 < words.length } : null;
}
