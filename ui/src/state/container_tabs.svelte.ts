import type { Component } from "svelte";
import type { ContainerView } from "../host/host";

/** A tab of a container's detail that another feature adds. Overview is built in. */
export interface ContainerTab {
	/** As in the address: `logs`. */
	value: string;
	label: string;
	/** Tabs are sorted by this number. */
	order: number;
	load: () => Promise<{ default: Component<{ container: ContainerView }> }>;
}

class ContainerTabs {
	all: ContainerTab[] = $state.raw([]);

	/** Adds a tab. Adding it again has no effect. */
	offer(tab: ContainerTab) {
		if (this.all.some(({ value }) => value === tab.value)) return;
		this.all = [...this.all, tab].sort((a, b) => a.order - b.order);
	}
}

export const containerTabs = new ContainerTabs();
