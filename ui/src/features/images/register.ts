import Play from "@lucide/svelte/icons/play";
import { commands } from "../../state/commands.svelte";
import { runRequests } from "../../state/run_request.svelte";
import { images } from "./images.svelte";

/** Called once the first screen is interactive: starts the feature's state and offers its commands. */
export function register() {
	void images.start();
	commands.provide(() =>
		images.all.flatMap(({ tags }) =>
			tags.map((tag) => ({
				id: `image.run.${tag}`,
				title: `Run ${tag}…`,
				group: "Images",
				icon: Play,
				run: () => runRequests.run(tag),
			})),
		),
	);
}
