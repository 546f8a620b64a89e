import {
	type EngineView,
	host,
	type MachineAction,
	type MachineSettings,
	type MachineStopEffect,
	type MachineView,
} from "../host/host";
import { announce } from "./announcer.svelte";
import { engine } from "./engine.svelte";

/** Slipway's own machine as the backend last said it is. */
class Machine {
	/** Null before the first look, and where there can be none. */
	view: MachineView | null = $state.raw(null);
	/** What was asked for, until that is under way. */
	asked: MachineAction | null = $state(null);
	reclaiming = $state(false);
	/** Stops containers, and waits until the user agrees to that. */
	confirming: { action: "stop" | "restart"; effect: MachineStopEffect } | null = $state.raw(null);

	/** Whether there is one, running or not. */
	exists = $derived(this.view !== null && this.view.state.is !== "absent");
	/** What it does while that takes its time: "Booting Linux". */
	doing: string | null = $derived(this.view && doing(this.view));
	/** Whether starting it gives the window an engine that it has not got. */
	offered = $derived(
		engine.state.type === "no_engine" &&
			engine.state.machine_helps &&
			["absent", "stopped", "broken"].includes(this.view?.state.is ?? ""),
	);
	/** Whether the engine that is used is the machine's. */
	used = $derived(this.runs(engine.view));
	/** Whether it was the engine and has ended: the backend is about to look for another one. */
	over = $derived(
		this.used &&
			!engine.connected &&
			["absent", "stopped", "out_of_reach", "broken"].includes(this.view?.state.is ?? ""),
	);

	#started = false;

	/** Follows the machine for as long as the window lives. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		let heard = false;
		await host.on("machineChanged", (view) => {
			heard = true;
			this.#become(view);
		});
		const view = await host.machineState();
		// An event that came in the meantime is newer than the answer.
		if (!heard && view) this.#become(view);
	}

	/** Whether an engine is the one in the machine. */
	runs(other: EngineView | null): boolean {
		return other !== null && this.at(other.address);
	}

	/** Whether this is the address of the machine's engine. */
	at(address: string): boolean {
		return address === this.view?.engine_socket;
	}

	/** Stops or restarts it, after the user agreed if that stops running containers. */
	async askTo(action: "stop" | "restart") {
		const now = this.view?.state.is;
		// A start that is cancelled has no containers yet.
		if (now !== "running" && now !== "unresponsive") return this.act(action);
		this.asked = action;
		let effect: MachineStopEffect;
		try {
			effect = await host.machineStopEffect();
		} finally {
			this.asked = null;
		}
		if (effect.running === 0) return this.act(action);
		this.confirming = { action, effect };
	}

	/** Begins it; rejects when it is refused. Its state tells the rest. */
	async act(action: MachineAction) {
		this.asked = action;
		try {
			await host.machineAct(action);
		} finally {
			this.asked = null;
		}
	}

	async choose(settings: MachineSettings) {
		this.#become(await host.machineSettings(settings));
	}

	/** Gives unused space back; how many bytes that was. */
	async reclaim(): Promise<number> {
		this.reclaiming = true;
		try {
			return await host.machineReclaim();
		} finally {
			this.reclaiming = false;
		}
	}

	#become(view: MachineView) {
		const before = this.view?.state.is;
		this.view = view;
		if (before && before !== view.state.is) announce(`Slipway’s machine ${word(view)}`);
	}
}

/** Its state in a word. */
export function word(view: MachineView): string {
	switch (view.state.is) {
		case "absent":
			return "not created";
		case "preparing":
		case "starting":
			return "starting";
		case "running":
			return view.state.docker.is === "running" ? "running" : "starting engine";
		case "unresponsive":
			return "not responding";
		case "stopping":
			return "stopping";
		case "stopped":
			return "stopped";
		case "out_of_reach":
			return "in another session";
		case "broken":
			return "failed";
	}
}

function doing({ state }: MachineView): string | null {
	switch (state.is) {
		case "preparing":
			return state.what;
		case "starting":
			return state.phase;
		case "stopping":
			return "Stopping";
		case "running":
			return state.docker.is === "running" ? null : "Starting the engine";
		default:
			return null;
	}
}

export const machine = new Machine();
