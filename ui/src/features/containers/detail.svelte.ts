import { type ContainerDetail, type Host, HostError, host } from "../../host/host";

type DetailHost = Pick<Host, "containerDetail">;

/** Everything about the container whose detail is open. */
export class Detail {
	/** Full id of the container that is shown. */
	id: string | null = $state(null);
	/** Its details. They stay on screen during a reload. */
	data: ContainerDetail | null = $state.raw(null);
	/** Why it could not be loaded. */
	error: HostError | null = $state.raw(null);

	readonly #host: DetailHost;
	#busy = false;
	#again = false;

	constructor(from: DetailHost = host) {
		this.#host = from;
	}

	/**
	 * Shows a container, or reloads it if the id is the same. Calls during a reload are merged into one
	 * further reload.
	 */
	show(id: string | null) {
		if (id !== this.id) {
			this.id = id;
			this.data = null;
			this.error = null;
		}
		if (id !== null) void this.load();
	}

	async load() {
		if (this.#busy) {
			this.#again = true;
			return;
		}
		this.#busy = true;
		do {
			this.#again = false;
			const id = this.id;
			if (id === null) break;
			try {
				const data = await this.#host.containerDetail(id);
				if (id === this.id) {
					this.data = data;
					this.error = null;
				}
			} catch (thrown) {
				if (id === this.id) this.error = HostError.from(thrown);
			}
			if (id !== this.id) this.#again = true;
		} while (this.#again);
		this.#busy = false;
	}
}
