import type { ContainerAction, ContainerView, PortView } from "../../host/host";
import { host } from "../../host/host";
import { announce } from "../../state/announcer.svelte";
import { copyWithToast } from "../../state/clipboard";
import { machine } from "../../state/machine.svelte";
import { navigation } from "../../state/navigation.svelte";
import { operations } from "../../state/operations.svelte";
import { toasts } from "../../state/toasts.svelte";
import { containers } from "./containers.svelte";
import { ACTION_WORDS, allows, isUp } from "./status";

/** Interactions in progress: the removal dialog, and the name being edited. */
class Intents {
	/** Containers in the removal dialog, while that is open. */
	removing: ContainerView[] = $state.raw([]);
	/** Id of the container whose name is being edited. */
	renaming: string | null = $state(null);
}

export const intents = new Intents();

/** Whether an action is possible now: the container's state allows it, and its engine is there to do it. */
export function can(container: ContainerView, action: ContainerAction): boolean {
	return !machine.stale && allows(container, action);
}

/** Applies an action to the containers whose state allows it. A removal asks first. */
export async function act(wanted: readonly ContainerView[], action: ContainerAction) {
	const able = wanted.filter((container) => can(container, action));
	if (able.length === 0) return;
	if (action === "remove") {
		intents.removing = able;
		return;
	}
	await run(able, action);
}

/** Applies it without asking, and reports the outcome. */
export async function run(able: readonly ContainerView[], action: ContainerAction) {
	const outcomes = await containers.act(
		able.map(({ id }) => id),
		action,
	);
	const failed = outcomes.filter(({ error }) => error !== null).length;
	const [first] = outcomes;
	if (first && failed === 0) {
		announce(`${DONE[action]} ${outcomes.length === 1 ? first.name : `${outcomes.length} containers`}`);
	}
}

const DONE: Record<ContainerAction, string> = {
	start: "Started",
	stop: "Stopped",
	restart: "Restarted",
	pause: "Paused",
	unpause: "Resumed",
	kill: "Killed",
	remove: "Removed",
};

/** The `s` key and the button in the header: stops running containers, starts stopped ones. */
export function toggleAction(container: ContainerView): ContainerAction {
	if (container.state === "paused") return "unpause";
	return isUp(container) ? "stop" : "start";
}

/** Whether a run in progress has made this container and is about to start it. */
export function isStarting(container: ContainerView): boolean {
	if (container.state !== "created" || container.reason !== null) return false;
	return operations.running.some(({ title }) => {
		const what = /^Run (.*)$/.exec(title)?.[1]?.toLowerCase();
		return what === container.name.toLowerCase() || what === container.image.toLowerCase();
	});
}

export function copyId(container: ContainerView) {
	return copyWithToast(container.id, `Copied the ID of ${container.name}`);
}

export function copyDockerRun(container: ContainerView) {
	const line = host.containerDetail(container.id).then((detail) => detail.docker_run_full);
	return copyWithToast(line, `Copied the docker run command for ${container.name}`);
}

/** The first web page that a running container serves. */
export function webPage(container: ContainerView): PortView | null {
	if (container.state !== "running") return null;
	return container.ports.find((port) => port.url !== null && port.exposed !== "none") ?? null;
}

/** Whether a container's pages can be opened: it runs, and neither an action nor its machine is about to end that. */
export function isServing(container: ContainerView): boolean {
	return container.state === "running" && !containers.pending.has(container.id) && !machine.stale;
}

/** Opens a web page of a container in the browser. */
export async function openUrl(url: string) {
	try {
		await host.openUrl(url);
	} catch (thrown) {
		toasts.error(thrown);
	}
}

/**
 * Shows a container's detail; null shows only the list. Without a tab, the current tab is kept: a user who
 * reads logs and selects another container wants its logs. A null tab is the Overview.
 */
export function open(id: string | null, tab?: string | null, replace = false) {
	const kept = tab === undefined && navigation.screen === "containers" ? navigation.place.tab : (tab ?? null);
	navigation.go("containers", { id, tab: kept, replace });
}

export { ACTION_WORDS };
