import type { EndpointView } from "../host/host";
import { engine } from "./engine.svelte";
import { machine } from "./machine.svelte";

/** The message and the actions for when there is no engine. */
class MissingEngine {
	#state = $derived(engine.state.type === "no_engine" ? engine.state : null);
	/**
	 * Whether it is the machine that is missing: it was selected, it was in use until it stopped, or it can
	 * be started.
	 */
	ofMachine = $derived(
		machine.over ||
			(this.#state?.chosen === "machine" && machine.view !== null) ||
			(machine.offered && machine.exists),
	);
	title: string = $derived.by(() => {
		if (this.ofMachine) {
			switch (machine.view?.state.is) {
				case "stopped":
					return "The machine is stopped";
				case "absent":
					return "The machine has not been created";
				case "stopping":
					return "The machine is stopping";
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
