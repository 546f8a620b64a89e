import {
	type EndpointView,
	type EngineState,
	type EngineView,
	HostError,
	host,
	type SettingsView,
} from "../host/host";
import { announce } from "./announcer.svelte";

/** The engine as the backend last said it is, and the endpoints that are known. */
class Engine {
	state: EngineState = $state.raw({ type: "searching" });
	/** When the state became what it is, in milliseconds since 1970. */
	since = $state(Date.now());
	endpoints: EndpointView[] = $state.raw([]);
	probing = $state(false);
	probeError: HostError | null = $state.raw(null);
	/** The settings that the window and the `slipway` command share; null before they are known. */
	settings: SettingsView | null = $state.raw(null);
	/** Name of the endpoint that is being switched to. */
	switching: string | null = $state(null);

	/** The engine that is connected, or was a moment ago. */
	view: EngineView | null = $derived("engine" in this.state ? this.state.engine : null);
	connected = $derived(this.state.type === "connected");
	/** Whether what is on screen may be older than the engine's truth. */
	stale = $derived(this.state.type === "not_responding" || this.state.type === "reconnecting");

	#started = false;
	/** Something changed while the endpoints were probed. */
	#probeAgain = false;

	/** Follows the engine for as long as the window lives. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		let heard = false;
		await host.on("engineStateChanged", (state) => {
			heard = true;
			this.#become(state);
		});
		// Docker contexts and the choice of an engine change in terminals too. What was listed once is listed anew.
		await host.on("configurationChanged", () => {
			void this.loadSettings();
			if (this.endpoints.length) void this.probe();
		});
		void this.loadSettings();
		const state = await host.engineState();
		// An event that came in the meantime is newer than the answer.
		if (!heard) this.#become(state);
	}

	/** Asks every known endpoint anew. */
	async probe() {
		if (this.probing) {
			this.#probeAgain = true;
			return;
		}
		this.probing = true;
		this.probeError = null;
		try {
			do {
				this.#probeAgain = false;
				this.endpoints = await host.engineList();
			} while (this.#probeAgain);
		} catch (thrown) {
			this.probeError = HostError.from(thrown);
		} finally {
			this.probing = false;
		}
	}

	async loadSettings() {
		try {
			this.settings = await host.settings();
		} catch {
			// They are asked for again when they change, and by the screen that shows them.
		}
	}

	/** Switches to another engine. Rejects with why that is not possible. */
	async use(name: string) {
		this.switching = name;
		try {
			await host.engineUse(name);
			await Promise.all([this.loadSettings(), this.probe()]);
		} finally {
			this.switching = null;
		}
	}

	/** Has an engine selected automatically again. */
	async useDefault() {
		await host.engineUseDefault();
		await Promise.all([this.loadSettings(), this.probe()]);
	}

	/** Looks for the engine now. */
	async retry() {
		await host.engineRetry();
		await this.probe();
	}

	#become(state: EngineState) {
		const before = this.state.type;
		this.state = state;
		if (state.type === before) return;
		this.since = Date.now();
		if (before !== "searching" || state.type !== "connected") announce(describe(state));
	}
}

export function describe(state: EngineState): string {
	switch (state.type) {
		case "searching":
			return "Searching for an engine";
		case "connected":
			return `Connected to ${state.engine.product} ${state.engine.version}`;
		case "not_responding":
			return `${state.engine.product} is not responding`;
		case "reconnecting":
			return `Reconnecting to ${state.engine.product}`;
		case "no_engine":
			return "No engine is responding";
	}
}

export const engine = new Engine();
