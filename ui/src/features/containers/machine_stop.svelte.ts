import type { ContainerView } from "../../host/host";
import { machine } from "../../state/machine.svelte";
import { remember, remembered } from "../../state/remembered";
import { type Containers, containers } from "./containers.svelte";

/** The backend's reason for such an end. */
const REASON = "stopped with the machine";
const DECIDED = "containers.stopped-with-machine";

/** One end of one container: a later stop of the machine is another one. */
const endOf = ({ id, since }: ContainerView) => `${id} ${since}`;

/** The offer to start the containers that ended with the machine. Made once for each stop. */
export class MachineStop {
	/** The ends for which the offer was taken or dismissed. */
	#decided: ReadonlySet<string> = $state.raw(new Set(remembered<string[]>(DECIDED, [])));
	readonly #source: Containers;

	/** Containers to start; those that are being started already are among them until they run. */
	ended: ContainerView[] = $derived.by(() => {
		if (!machine.used || machine.stale) return [];
		return this.#source.all.filter(({ state, reason }) => state === "exited" && reason === REASON);
	});
	offered = $derived(this.ended.some((container) => !this.#decided.has(endOf(container))));

	constructor(source: Containers = containers) {
		this.#source = source;
	}

	/** Does not offer it again for these. */
	decide() {
		this.#decided = new Set(this.ended.map(endOf));
		remember(DECIDED, [...this.#decided]);
	}
}

export const machineStop = new MachineStop();
