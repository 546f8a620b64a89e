import type { EndpointView } from "../host/host";
import { engine } from "./engine.svelte";
import { machine } from "./machine.svelte";

/** The message and the actions for when there is no engine. */
class MissingEngine {
	#state = $derived(engine.state.type === "no_engine" ? engine.state : null);
	/** Whether the machine has just started, so that its engine is about to be found. */
	arriving = $derived(this.#state?.machine_helps === true && machine.view?.state.is === "running");
	/**
	 * Whether it is the machine that is missing: it was selected, it was in use until it stopped, it can be
	 * started, or it is being started or stopped.
	 */
	ofMachine = $derived(
		machine.over ||
			(this.#state?.chosen === "machine" && machine.view !== null) ||
			(machine.offered && machine.exists) ||
			this.arriving ||
			(this.#state?.machine_helps === true && machine.doing !== null),
	);
	/** Whether there is no engine: nothing of one is shown, not even what was last known. */
	now = $derived(this.#state !== null || machine.over);
	title: string = $derived.by(() => {
		if (this.ofMachine) {
			switch (machine.view?.state.is) {
				case "stopped":
					return "The machine is stopped";
				case "absent":
					return "The machine has not been created";
				case "stopping":
					return "The machine is stopping";
				case "unresponsive":
					return "The machine is not responding";
				case "broken":
					return "The machine failed";
				case "out_of_reach":
					return "The machine belongs to another session";
				default:
					return "The machine is starting";
			}
		}
		const chosen = this.#state?.chosen;
		// An engine that has not responded yet has no product to go by.
		return chosen ? `${chosen} is not responding` : "No engine is responding";
	});
	/**
	 * Engines that respond and are not used, because another one was selected or they are on another
	 * computer.
	 */
	others: EndpointView[] = $derived(
		(this.#state?.tried ?? []).filter(
			(endpoint) => endpoint.engine !== null && !machine.at(endpoint.address),
		),
	);
}

export const missingEngine = new MissingEngine();
