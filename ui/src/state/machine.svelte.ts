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
import { toasts } from "./toasts.svelte";

/** Slipway's own machine as last reported by the backend. */
class Machine {
	/** Null before the first status, and on systems without a machine. */
	view: MachineView | null = $state.raw(null);
	/** The requested action, until it is under way. */
	asked: MachineAction | null = $state(null);
	reclaiming = $state(false);
	/** A stop or restart that would end running containers, while it waits for confirmation. */
	confirming: { action: "stop" | "restart"; effect: MachineStopEffect } | null = $state.raw(null);
	/** A part of the machine's card on the Engine screen that was asked for elsewhere. */
	toShow: "settings" | "log" | "delete" | null = $state(null);
	/** Whether it is stopping because its start was cancelled. */
	cancelling = $state(false);
	/** Whether it stops for a restart that was requested here. */
	restarting = $state(false);
	/** When the current step of a start was seen first. */
	stepSince = $state(0);

	/** Whether it exists, running or not. */
	exists = $derived(this.view !== null && this.view.state.is !== "absent");
	/** The current phase of a start or stop: "Booting Linux". */
	doing: string | null = $derived(this.view && doing(this.view));
	/** Whether the engine in use is the machine's. */
	used = $derived(this.runs(engine.view));
	/** Whether it is being stopped or started. */
	moving = $derived(this.view !== null && ["stopping", "preparing", "starting"].includes(this.view.state.is));
	/**
	 * Whether lists show what was last known: the engine in use is not connected, or it is the machine's and that is
	 * being stopped or started. Actions have to wait.
	 */
	stale = $derived(engine.stale || (this.used && this.moving));
	/** Whether its engine was in use and has ended: the backend is about to look for another one. */
	over = $derived(
		this.used &&
			!engine.connected &&
			["absent", "stopped", "out_of_reach", "broken"].includes(this.view?.state.is ?? ""),
	);
	/** Whether starting it would provide an engine that is otherwise missing. */
	offered = $derived(
		(this.over || (engine.state.type === "no_engine" && engine.state.machine_helps)) &&
			["absent", "stopped", "broken"].includes(this.view?.state.is ?? ""),
	);

	#started = false;
	/** Whether a deletion was requested here and has not ended. */
	#deleting = false;
	#step: string | null = null;

	/** Follows the machine for the life of the window. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		let heard = false;
		await host.on("machineChanged", (view) => {
			heard = true;
			this.#become(view);
		});
		const view = await host.machineState();
		// An event that arrived meanwhile is newer than the answer.
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

	/** Stops or restarts it; asks first if that ends running containers. */
	async askTo(action: "stop" | "restart") {
		const now = this.view?.state.is;
		// A start that is being cancelled has no containers yet.
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

	/** Asks again what the action that waits for confirmation would end. */
	async refreshEffect() {
		const before = this.confirming;
		if (!before) return;
		const unknown: MachineStopEffect = { running: null, stays_stopped: [] };
		const effect = await host.machineStopEffect().catch(() => unknown);
		// The dialog may have been answered meanwhile.
		if (this.confirming === before) this.confirming = { ...before, effect };
	}

	/** Starts an action; rejects if it is refused. The machine's state tells the rest. */
	async act(action: MachineAction) {
		this.asked = action;
		// The last event can arrive before the answer.
		this.#deleting = action === "delete";
		this.restarting = action === "restart";
		try {
			await host.machineAct(action);
		} catch (thrown) {
			this.#deleting = false;
			this.restarting = false;
			throw thrown;
		} finally {
			this.asked = null;
		}
	}

	async choose(settings: MachineSettings) {
		this.#become(await host.machineSettings(settings));
	}

	/** Gives unused space back; resolves to the bytes freed. */
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
		const starting = before === "preparing" || before === "starting";
		this.cancelling = view.state.is === "stopping" && (starting || this.cancelling);
		if (before !== view.state.is && view.state.is !== "stopping" && view.state.is !== "stopped")
			this.restarting = false;
		const step = stepOf(view);
		if (step !== null && step !== this.#step) this.stepSince = Date.now();
		this.#step = step;
		if (this.#deleting && view.state.is === "absent")
			toasts.show("Slipway’s machine was deleted", { kind: "ok" });
		if (view.state.is === "absent" || view.state.is === "broken") this.#deleting = false;
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

/** The step of a start that has not ended. */
function stepOf({ state }: MachineView): string | null {
	if (state.is !== "preparing" && state.is !== "starting") return null;
	const last = state.phases.find(({ took_ms }) => took_ms === null)?.name;
	return last ?? (state.is === "preparing" ? state.what : state.phase);
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
