import { containerTabs } from "../../state/container_tabs.svelte";

/** Called once the first screen is interactive: adds the Logs tab to a container's detail. */
export function register() {
	containerTabs.offer({ value: "logs", label: "Logs", order: 1, load: () => import("./LogTab.svelte") });
}
