import { memory } from "../format/bytes";
import { plural } from "../format/numbers";
import {
	type EndpointView,
	type EngineState,
	type EngineView,
	HostError,
	host,
	type SettingsView,
} from "../host/host";
import { announce } from "./announcer.svelte";

/** The engine's state as last reported by the backend, and the known endpoints. */
class Engine {
	state: EngineState = $state.raw({ type: "searching" });
	/** Time of the last state change, in milliseconds since 1970. */
	since = $state(Date.now());
	endpoints: EndpointView[] = $state.raw([]);
	probing = $state(false);
	probeError: HostError | null = $state.raw(null);
	/** The settings that the window and the `slipway` command share; null before they are known. */
	settings: SettingsView | null = $state.raw(null);
	/** Name of the endpoint that is being switched to. */
	switching: string | null = $state(null);

	/** The engine that is connected, or was until a moment ago. */
	view: EngineView | null = $derived("engine" in this.state ? this.state.engine : null);
	connected = $derived(this.state.type === "connected");
	/** Whether the data on screen may be out of date. */
	stale = $derived(this.state.type === "not_responding" || this.state.type === "reconnecting");

	#started = false;
	/** Whether something changed while the endpoints were being probed. */
	#probeAgain = false;

	/** Follows the engine for the life of the window. */
	async start() {
		if (this.#started) return;
		this.#started = true;
		let heard = false;
		await host.on("engineStateChanged", (state) => {
			heard = true;
			this.#become(state);
		});
		// Docker contexts and the selected engine can change in a terminal too. A list that was loaded is
		// loaded again.
		await host.on("configurationChanged", () => {
			void this.loadSettings();
			if (this.endpoints.length) void this.probe();
		});
		void this.loadSettings();
		const state = await host.engineState();
		// An event that arrived meanwhile is newer than the answer.
		if (!heard) this.#become(state);
	}

	/**
	 * The name of the engine at an endpoint, the same on every screen. `DOCKER_HOST` says where Docker looks, not what is
	 * there: that engine goes by its product.
	 */
	nameOf(endpoint: string, product: string | null | undefined): string {
		if (endpoint === "machine") return "Slipway’s machine";
		if (!product || (endpoint !== "DOCKER_HOST" && endpoint !== "default")) return endpoint;
		const another = this.endpoints.some(({ name, engine }) => name === product && engine !== null);
		return another ? `${product} (${endpoint})` : product;
	}

	/** The name of the engine in use; null without one. */
	get name(): string | null {
		return this.view && this.nameOf(this.view.endpoint, this.view.product);
	}

	/** What the engine in use runs on: `8 CPUs · 16 GB · amd64`. */
	get resources(): string {
		if (!this.view) return "";
		const { cpus, memory_bytes, arch } = this.view;
		return [cpus ? plural(cpus, "CPU") : null, memory_bytes ? memory(memory_bytes) : null, arch]
			.filter(Boolean)
			.join(" · ");
	}

	/**
	 * The engine in use in one line, which may be cut off at its end: `Docker 29.1.0 · 8 CPUs · 16 GB · amd64`. The name
	 * of a context does not say which product it is. Null without an engine.
	 */
	get summary(): string | null {
		if (!this.view || this.name === null) return null;
		const { endpoint, product, version } = this.view;
		const named = this.name.toLowerCase().startsWith(product.toLowerCase());
		const engine = named ? `${this.name} ${version}` : `${this.name} · ${product} ${version}`;
		return `${endpoint === "machine" ? this.name : engine} · ${this.resources}`;
	}

	/** Where an endpoint was found, beside its name. */
	sourceOf({ source }: EndpointView): string {
		return source === "DOCKER_HOST" ? "from DOCKER_HOST" : source;
	}

	/** Probes every known endpoint again. */
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
			// They are probed again when they change, and by the screen that shows them.
		}
	}

	/** Switches to another engine. Rejects with the reason if that is not possible. */
	async use(name: string) {
		this.switching = name;
		try {
			await host.engineUse(name);
			await Promise.all([this.loadSettings(), this.probe()]);
		} finally {
			this.switching = null;
		}
	}

	/** Returns to automatic selection of the engine. */
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
			return `Connected to ${nameIn(state)}`;
		case "not_responding":
			return `${nameIn(state)} is not responding`;
		case "reconnecting":
			return `Reconnecting to ${nameIn(state)}`;
		case "no_engine":
			return "No engine is responding";
	}
}

const nameIn = ({ engine: { endpoint, product } }: Extract<EngineState, { engine: EngineView }>) =>
	engine.nameOf(endpoint, product);

export const engine = new Engine();
