import { looksSecret } from "../../format/secret";
import { joinWords, splitWords } from "../../format/shell_words";
import {
	type CatalogEntry,
	type CatalogEnv,
	HostError,
	host,
	type MountKind,
	type MountPlan,
	type PlanCheck,
	type PlanFinding,
	type PortPlan,
	type RestartPolicy,
	type RunDraft,
	type RunPlan,
} from "../../host/host";

let nextKey = 1;

/** A port as a row: switched off it stays on screen, unpublished. */
export class PortRow {
	readonly key = nextKey++;
	containerPort: number | null = $state(null);
	protocol = $state("tcp");
	hostIp: string | null = $state(null);
	hostPort: number | null = $state(null);
	published = $state(true);
	/** Whether a person chose the host port: then a taken one is an error. */
	chosen = $state(false);
	/** Whether the row was added by hand and can go away again. */
	readonly added: boolean;
	readonly purpose: string | null;

	constructor(plan: PortPlan | null, purpose: string | null = null) {
		this.added = plan === null;
		this.purpose = purpose;
		if (!plan) return;
		this.containerPort = plan.container_port;
		this.protocol = plan.protocol;
		this.hostIp = plan.host_ip;
		this.hostPort = plan.host_port;
		this.chosen = plan.fixed;
	}

	toPlan(): PortPlan {
		return {
			container_port: this.containerPort ?? 0,
			protocol: this.protocol,
			host_ip: this.hostIp,
			host_port: this.hostPort,
			fixed: this.chosen && this.hostPort !== null,
		};
	}
}

export class EnvRow {
	readonly key = nextKey++;
	name = $state("");
	value = $state("");
	/** What the catalog knows about it; null for a row added by hand. */
	readonly known: CatalogEnv | null;

	constructor(name: string, value: string, known: CatalogEnv | null) {
		this.name = name;
		this.value = value;
		this.known = known;
	}

	get secret() {
		return this.known ? this.known.secret : looksSecret(this.name);
	}

	get required() {
		return this.known?.required ?? false;
	}

	/** A known, optional variable without a value is the image's own business. */
	get wanted() {
		return this.value !== "" || this.required || (this.known === null && this.name !== "");
	}
}

export class MountRow {
	readonly key = nextKey++;
	kind: MountKind = $state("volume");
	source = $state("");
	target = $state("");
	readOnly = $state(false);
	readonly holds: string | null;

	constructor(plan: MountPlan | null, holds: string | null = null) {
		this.holds = holds;
		if (!plan) return;
		this.kind = plan.kind;
		this.source = plan.source ?? "";
		this.target = plan.target;
		this.readOnly = plan.read_only;
	}

	toPlan(): MountPlan {
		const source = this.kind === "tmpfs" ? null : this.source.trim() || null;
		return { kind: this.kind, source, target: this.target.trim(), read_only: this.readOnly };
	}
}

/** Repository and tag of a reference. A digest counts as part of the repository: it has no tag to choose. */
export function splitTag(image: string): { repository: string; tag: string | null } {
	if (image.includes("@")) return { repository: image, tag: null };
	const colon = image.lastIndexOf(":");
	return colon > image.lastIndexOf("/")
		? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
		: { repository: image, tag: null };
}

const settle = 150;

/** The run plan while it is being edited, with what the backend finds about it. */
export class PlanForm {
	readonly entry: CatalogEntry | null;
	#catalog: string | null = null;
	#asked = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;

	image = $state("");
	name = $state("");
	command = $state("");
	entrypoint = $state("");
	network = $state("");
	tty = $state(false);
	restart: RestartPolicy = $state("no");
	memory: number | null = $state(null);
	cpus: number | null = $state(null);
	ports: PortRow[] = $state([]);
	env: EnvRow[] = $state([]);
	mounts: MountRow[] = $state([]);

	check: PlanCheck = $state.raw({ docker_run: "", docker_run_full: "", findings: [] });
	checkError: HostError | null = $state.raw(null);
	/** Whether the findings are about what is in the form now. */
	checked = $state(true);

	readonly commandWords = $derived(splitWords(this.command));
	readonly publishedPorts = $derived(this.ports.filter((row) => row.published));
	readonly wantedEnv = $derived(this.env.filter((row) => row.wanted));
	readonly missing = $derived(this.env.filter((row) => row.required && row.value === ""));
	readonly blocking = $derived(this.check.findings.filter((finding) => finding.blocking));
	readonly runnable = $derived(
		this.blocking.length === 0 && this.missing.length === 0 && this.commandWords !== null,
	);

	readonly plan: RunPlan = $derived({
		image: this.image.trim(),
		name: this.name.trim() || null,
		command: this.commandWords ?? [],
		entrypoint: this.entrypoint.trim() || null,
		env: this.wantedEnv.map(({ name, value }) => ({ name: name.trim(), value })),
		ports: this.publishedPorts.map((row) => row.toPlan()),
		mounts: this.mounts.map((row) => row.toPlan()),
		restart: this.restart,
		memory_bytes: this.memory,
		cpus: this.cpus,
		network: this.network.trim() || null,
		tty: this.tty,
		catalog: this.#catalog,
	});

	constructor(draft: RunDraft) {
		const { plan, entry, check } = draft;
		this.entry = entry;
		this.#catalog = plan.catalog;
		this.image = plan.image;
		this.name = plan.name ?? "";
		this.command = joinWords(plan.command);
		this.entrypoint = plan.entrypoint ?? "";
		this.network = plan.network ?? "";
		this.tty = plan.tty;
		this.restart = plan.restart;
		this.memory = plan.memory_bytes;
		this.cpus = plan.cpus;
		this.ports = plan.ports.map((port) => {
			const known = entry?.ports.find(
				(it) => it.port === port.container_port && it.protocol === port.protocol,
			);
			return new PortRow(port, known?.purpose ?? null);
		});
		this.mounts = plan.mounts.map((mount) => {
			const known = entry?.volumes.find((it) => it.path === mount.target);
			return new MountRow(mount, known?.holds ?? null);
		});
		const known = entry?.env ?? [];
		const planned = plan.env.map(
			({ name, value }) => new EnvRow(name, value, known.find((it) => it.name === name) ?? null),
		);
		const others = known
			.filter((it) => !plan.env.some(({ name }) => name === it.name))
			.map((it) => new EnvRow(it.name, it.default ?? "", it));
		this.env = [...planned, ...others];
		this.check = check;
	}

	/** Variables that a person has to see: those that must be set, and secrets. */
	get mainEnv() {
		return this.env.filter((row) => row.known && (row.required || row.secret));
	}

	get otherEnv() {
		return this.env.filter((row) => !(row.known && (row.required || row.secret)));
	}

	portFindings(row: PortRow): PlanFinding[] {
		return this.#findings("ports", this.publishedPorts.indexOf(row));
	}

	envFindings(row: EnvRow): PlanFinding[] {
		return this.#findings("env", this.wantedEnv.indexOf(row));
	}

	mountFindings(row: MountRow): PlanFinding[] {
		return this.#findings("mounts", this.mounts.indexOf(row));
	}

	findings(field: string): PlanFinding[] {
		return this.check.findings.filter((finding) => finding.field === field);
	}

	/** What was found about fields that the form does not have. */
	get otherFindings(): PlanFinding[] {
		const shown = /^(image|name|memory|cpus|command|network|(ports|env|mounts)\.\d+)$/;
		return this.check.findings.filter((finding) => !shown.test(finding.field));
	}

	#findings(list: string, at: number): PlanFinding[] {
		return at < 0 ? [] : this.findings(`${list}.${at}`);
	}

	/** Takes the free port that a finding offers. */
	usePort(row: PortRow, port: number) {
		row.hostPort = port;
		row.chosen = false;
	}

	/** Something was edited: asks about the plan once the typing pauses. */
	edited() {
		this.checked = false;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.checkNow(), settle);
	}

	/** Asks about the plan as it is. Only the newest answer counts. */
	async checkNow(): Promise<void> {
		clearTimeout(this.#timer);
		this.#asked += 1;
		const asked = this.#asked;
		try {
			const check = await host.runCheck($state.snapshot(this.plan) as RunPlan);
			if (asked !== this.#asked) return;
			this.check = check;
			this.checkError = null;
		} catch (thrown) {
			if (asked !== this.#asked) return;
			this.checkError = HostError.from(thrown);
		}
		this.checked = true;
	}

	/** Makes up another value for a generated secret. */
	async regenerate(row: EnvRow) {
		if (!this.#catalog) return;
		const fresh = await host.runDraft(this.#catalog);
		row.value = fresh.plan.env.find((variable) => variable.name === row.name)?.value ?? row.value;
	}

	addPort() {
		this.ports.push(new PortRow(null));
	}

	addEnv() {
		this.env.push(new EnvRow("", "", null));
	}

	addMount() {
		this.mounts.push(new MountRow(null));
	}

	remove(row: PortRow | EnvRow | MountRow) {
		if (row instanceof PortRow) this.ports = this.ports.filter((it) => it !== row);
		else if (row instanceof EnvRow) this.env = this.env.filter((it) => it !== row);
		else this.mounts = this.mounts.filter((it) => it !== row);
	}
}
