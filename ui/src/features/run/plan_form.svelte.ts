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
import { Needs } from "./needs.svelte";

let nextKey = 1;

/** A port as a row: switched off, it stays on screen, unpublished. */
export class PortRow {
	readonly key = nextKey++;
	containerPort: number | null = $state(null);
	protocol = $state("tcp");
	hostIp: string | null = $state(null);
	hostPort: number | null = $state(null);
	/** The raw text of the ports, while it is not a number. */
	unreadContainer: string | null = $state(null);
	unreadHost: string | null = $state(null);
	published = $state(true);
	/** Whether the user chose the host port: then a taken port is an error. */
	chosen = $state(false);
	/** Whether the row was added by hand and can be removed. */
	readonly added: boolean;
	/** Whether the row was just added: what it lacks is no error before it is left. */
	fresh = $state(false);
	readonly purpose: string | null;

	constructor(plan: PortPlan | null, purpose: string | null = null) {
		this.added = plan === null;
		this.fresh = plan === null;
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
	/** The catalog's description; null for a row added by hand. */
	readonly known: CatalogEnv | null;
	/** Whether it has been empty since the form opened: that is no error before the row is left. */
	fresh = $state(false);

	constructor(name: string, value: string, known: CatalogEnv | null) {
		this.name = name;
		this.value = value;
		this.known = known;
		this.fresh = value === "" && this.required;
	}

	get required() {
		return this.known?.required ?? false;
	}

	/** Whether a row added by hand has nothing in it yet. */
	get blank() {
		return this.known === null && this.name.trim() === "" && this.value === "";
	}

	/** A known, optional variable without a value is left to the image's default. */
	get wanted() {
		return this.value !== "" || this.required || (this.known === null && this.name !== "");
	}
}

/** What was typed as the source of a mount, by kind. */
export type MountSources = Partial<Record<MountKind, string>>;

export class MountRow {
	readonly key = nextKey++;
	#kind: MountKind = $state("volume");
	source = $state("");
	/** The sources typed for the other kinds: the name of a volume is not a folder. */
	#sources: MountSources = {};
	target = $state("");
	readOnly = $state(false);
	/** Whether the row was just added, or its kind just chosen: what it lacks is no error before it is left. */
	fresh = $state(false);
	readonly holds: string | null;

	constructor(plan: MountPlan | null, holds: string | null = null, sources: MountSources = {}) {
		this.holds = holds;
		this.#sources = { ...sources };
		this.fresh = plan === null;
		if (!plan) return;
		this.#kind = plan.kind;
		this.source = plan.source ?? "";
		this.target = plan.target;
		this.readOnly = plan.read_only;
	}

	get kind(): MountKind {
		return this.#kind;
	}

	set kind(kind: MountKind) {
		if (kind === this.#kind) return;
		this.#sources[this.#kind] = this.source;
		this.#kind = kind;
		this.source = this.#sources[kind] ?? "";
		if (kind === "bind" && this.source === "") this.fresh = true;
	}

	/** The sources of all kinds, which a plan does not have. */
	get sources(): MountSources {
		return { ...this.#sources, [this.#kind]: this.source };
	}

	toPlan(): MountPlan {
		const source = this.kind === "tmpfs" ? null : this.source.trim() || null;
		return { kind: this.kind, source, target: this.target.trim(), read_only: this.readOnly };
	}
}

/**
 * Repository and tag of a reference. A digest counts as part of the repository, because it leaves no tag to
 * choose.
 */
export function splitTag(image: string): { repository: string; tag: string | null } {
	if (image.includes("@")) return { repository: image, tag: null };
	const colon = image.lastIndexOf(":");
	return colon > image.lastIndexOf("/")
		? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
		: { repository: image, tag: null };
}

const settle = 150;

/** The plan with the free ports that a run takes instead of taken ones; null if it takes none. */
function withUsedPorts(plan: RunPlan, findings: PlanFinding[]): RunPlan | null {
	let changed = false;
	const ports = plan.ports.map((port, at) => {
		const taken = findings.find(
			(it) => it.field === `ports.${at}.host_port` && !it.blocking && it.free_port !== null,
		);
		if (!taken || port.fixed || taken.free_port === port.host_port) return port;
		changed = true;
		return { ...port, host_port: taken.free_port };
	});
	return changed ? { ...plan, ports } : null;
}

/** A field with a blocking problem. */
export interface Problem {
	/** The control, by its `data-field`. */
	control: string;
	/** Whether it is only empty. */
	missing: boolean;
}

/** The field that the engine refused when the plan was run, until it is edited. */
interface Refusal {
	finding: PlanFinding;
	/** The field's value at that time. */
	value: string;
}

const problem = (field: string, message: string, hint: string | null = null): PlanFinding => ({
	field,
	blocking: true,
	message,
	hint,
	free_port: null,
});

/** The value of a plan's field, by the field's name in findings. */
function valueAt(plan: RunPlan, field: string): string {
	const [list, at, part] = field.split(".");
	switch (list) {
		case "ports":
		case "env":
		case "mounts": {
			const row = plan[list][Number(at)] as Record<string, unknown> | undefined;
			return JSON.stringify(part ? row?.[part] : row) ?? "";
		}
		case "memory":
			return JSON.stringify(plan.memory_bytes);
		case "command":
		case "entrypoint":
			return JSON.stringify([plan.entrypoint, plan.command]);
		default:
			return JSON.stringify(plan[list as keyof RunPlan]) ?? "";
	}
}

/** The run plan in the form, with the backend's findings. */
export class PlanForm {
	readonly entry: CatalogEntry | null;
	#catalog: string | null = null;
	#fromImage = false;
	#asked = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;
	/** The plan that the form opened with; null counts as edited. */
	#opened: string | null;

	image = $state("");
	name = $state("");
	command = $state("");
	entrypoint = $state("");
	network = $state("");
	tty = $state(false);
	restart: RestartPolicy = $state("no");
	memory: number | null = $state(null);
	cpus: number | null = $state(null);
	/** The raw text of the limits, while it is not a number. */
	unreadMemory: string | null = $state(null);
	unreadCpus: string | null = $state(null);
	ports: PortRow[] = $state([]);
	env: EnvRow[] = $state([]);
	mounts: MountRow[] = $state([]);

	check: PlanCheck = $state.raw({
		docker_run: "",
		docker_run_full: "",
		secrets: [],
		findings: [],
		local_folders: false,
	});
	checkError: HostError | null = $state.raw(null);
	/** Whether the findings are up to date with the form. */
	checked = $state(true);
	#refusal: Refusal | null = $state.raw(null);

	readonly commandWords = $derived(splitWords(this.command));
	readonly publishedPorts = $derived(this.ports.filter((row) => row.published));
	readonly wantedEnv = $derived(this.env.filter((row) => row.wanted));

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
		from_image: this.#fromImage,
	});

	/** Invalid input that cannot be part of a plan: found here, immediately. */
	readonly #unread: PlanFinding[] = $derived.by(() => {
		const found: PlanFinding[] = [];
		const typed = (field: string, text: string | null, what: string, hint: string) => {
			if (text !== null) found.push(problem(field, `\`${text.trim()}\` is not ${what}`, hint));
		};
		typed("memory", this.unreadMemory, "an amount of memory", "For example 512");
		typed("cpus", this.unreadCpus, "a number of CPUs", "For example 0.5 or 2");
		if (this.commandWords === null) found.push(problem("command", "A quote is not closed"));
		this.publishedPorts.forEach((row, at) => {
			const numbers = "Ports go from 1 to 65535";
			typed(`ports.${at}.host_port`, row.unreadHost, "a port number", numbers);
			typed(`ports.${at}.container_port`, row.unreadContainer, "a port number", numbers);
			if (row.containerPort === null && row.unreadContainer === null)
				found.push(problem(`ports.${at}.container_port`, "The container port is missing", numbers));
		});
		this.wantedEnv.forEach((row, at) => {
			if (row.required && row.value.trim() === "")
				found.push(problem(`env.${at}.value`, `\`${row.name}\` requires a value`));
		});
		return found;
	});

	/** All findings. Errors of the current input override the backend's. */
	readonly #all: PlanFinding[] = $derived.by(() => {
		const unread = new Set(this.#unread.map(({ field }) => field));
		const found = [...this.#unread, ...this.check.findings.filter(({ field }) => !unread.has(field))];
		const refusal = this.#refusal;
		if (refusal && valueAt(this.plan, refusal.finding.field) === refusal.value) {
			const { field } = refusal.finding;
			if (!found.some((finding) => finding.blocking && finding.field === field)) found.push(refusal.finding);
		}
		return found;
	});

	/** The controls at which each finding is shown. */
	readonly #placed: { control: string; finding: PlanFinding }[] = $derived(
		this.#all.map((finding) => ({ control: this.#control(finding.field), finding })),
	);

	/** The findings on screen: without those of rows that were not left yet. */
	readonly #shown: { control: string; finding: PlanFinding }[] = $derived.by(() => {
		const fresh = new Set([
			...this.env.filter((row) => row.fresh).map(({ key }) => `env-${key}`),
			...this.ports.filter((row) => row.fresh).map(({ key }) => `port-${key}`),
			...this.mounts.filter((row) => row.fresh).map(({ key }) => `mount-${key}`),
		]);
		return this.#placed.filter(({ control }) => !fresh.has(control.split(".")[0] ?? ""));
	});

	/** The controls with blocking problems, in the order of the form: also those that are not marked yet. */
	readonly problems: Problem[] = $derived.by(() => {
		const order = [
			"name",
			"image",
			...this.mainEnv.flatMap(({ key }) => [`env-${key}.name`, `env-${key}.value`]),
			...this.ports.flatMap(({ key }) => [`port-${key}.host_port`, `port-${key}.container_port`]),
			...this.mounts.flatMap(({ key }) => [`mount-${key}.source`, `mount-${key}.target`]),
			...this.otherEnv.flatMap(({ key }) => [`env-${key}.name`, `env-${key}.value`]),
			"memory",
			"cpus",
			"command",
			"entrypoint",
			"network",
			"other",
		];
		const blocked = new Set(
			this.#placed.filter(({ finding }) => finding.blocking).map(({ control }) => control),
		);
		const empty = new Set([
			...this.env
				.filter((row) => row.required && row.value.trim() === "")
				.map(({ key }) => `env-${key}.value`),
			...this.ports
				.filter((row) => row.containerPort === null && row.unreadContainer === null)
				.map(({ key }) => `port-${key}.container_port`),
			...this.mounts
				.filter((row) => row.kind === "bind" && row.source.trim() === "")
				.map(({ key }) => `mount-${key}.source`),
			...this.mounts.filter((row) => row.target.trim() === "").map(({ key }) => `mount-${key}.target`),
		]);
		return order
			.filter((control) => blocked.has(control))
			.map((control) => ({ control, missing: empty.has(control) }));
	});

	readonly runnable = $derived(!this.#placed.some(({ finding }) => finding.blocking));

	/** The services that the image needs. */
	readonly needs = new Needs();
	/** Whether the form was left: nobody sees what is done for it. */
	closed = false;
	/** Shows it again after it was closed. */
	show: (() => void) | null = null;

	/**
	 * @param edited Whether the plan has edits from before, which closing would lose.
	 * @param sources What was typed for the other kinds of each mount.
	 */
	constructor(draft: RunDraft, edited = false, sources: MountSources[] = []) {
		const { plan, entry, check } = draft;
		this.entry = entry;
		this.#catalog = plan.catalog;
		this.#fromImage = plan.from_image;
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
		this.mounts = plan.mounts.map((mount, at) => {
			const known = entry?.volumes.find((it) => it.path === mount.target);
			return new MountRow(mount, known?.holds ?? null, sources[at]);
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
		this.#opened = edited ? null : JSON.stringify(this.plan);
	}

	/**
	 * Takes what a plan has that `sent` had not: the network and the variables that name a service. Says which variables
	 * are new. What was edited meanwhile stays.
	 */
	fill(sent: RunPlan, plan: RunPlan): string[] {
		if (plan.network !== sent.network) this.network = plan.network ?? "";
		const changed = plan.env.filter(({ name, value }) => {
			if (sent.env.some((it) => it.name === name && it.value === value)) return false;
			const row = this.env.find((it) => it.name === name);
			if (row?.value === value) return false;
			if (row) row.value = value;
			else this.env.push(new EnvRow(name, value, null));
			return true;
		});
		return changed.map(({ name }) => name);
	}

	/** Whether closing the form would lose edits. */
	get dirty(): boolean {
		if (this.#opened === null || JSON.stringify(this.plan) !== this.#opened) return true;
		return this.#unread.some(({ field }) => !field.startsWith("env."));
	}

	/** Whether the collapsed fields have values. */
	get hasMore(): boolean {
		return (
			this.restart !== "no" ||
			this.memory !== null ||
			this.cpus !== null ||
			this.entrypoint !== "" ||
			this.network !== ""
		);
	}

	/** Shows what rows lack that were not left yet. */
	showAll() {
		for (const row of [...this.env, ...this.ports, ...this.mounts]) row.fresh = false;
	}

	/** Marks the field that the engine refused, until it is edited. */
	refuse(field: string, message: string, hint: string | null) {
		this.#refusal = { finding: problem(field, message, hint), value: valueAt(this.plan, field) };
	}

	/** Whether the value of a variable is masked. */
	isSecret({ known, name }: EnvRow): boolean {
		return known?.secret ?? this.check.secrets.includes(name.trim());
	}

	/** Variables that must be visible: required ones, and secrets. */
	get mainEnv() {
		return this.env.filter(({ known, required }) => known && (required || known.secret));
	}

	get otherEnv() {
		return this.env.filter(({ known, required }) => !(known && (required || known.secret)));
	}

	/** The variables behind "Environment", without rows in which nothing was typed. */
	get otherEnvCount() {
		return this.otherEnv.filter((row) => !row.blank).length;
	}

	/** What was typed as the sources of the mounts, also for kinds that are not chosen. */
	get mountSources(): MountSources[] {
		return this.mounts.map((row) => row.sources);
	}

	/** The free name that the finding about a taken name offers. */
	get freeName(): string | null {
		const taken = this.findings("name").find((finding) => finding.blocking);
		return /^`([^`]+)` is free$/.exec(taken?.hint ?? "")?.[1] ?? null;
	}

	/** Whether the ports can be part of a command: none is missing or not a port. */
	get hasValidPorts(): boolean {
		const isPort = (port: number) => port >= 1 && port <= 65535;
		return this.publishedPorts.every(
			(row) =>
				row.unreadHost === null &&
				row.unreadContainer === null &&
				row.containerPort !== null &&
				isPort(row.containerPort) &&
				(row.hostPort === null || isPort(row.hostPort)),
		);
	}

	portFindings(row: PortRow): PlanFinding[] {
		return this.#under(`port-${row.key}.`);
	}

	envFindings(row: EnvRow): PlanFinding[] {
		return this.#under(`env-${row.key}.`);
	}

	mountFindings(row: MountRow): PlanFinding[] {
		return this.#under(`mount-${row.key}.`);
	}

	/** The findings for a control, by its `data-field`. */
	findings(control: string): PlanFinding[] {
		return this.#shown.filter((it) => it.control === control).map(({ finding }) => finding);
	}

	/** Whether a control is marked, because it has a blocking problem. */
	marked(control: string): boolean {
		return this.findings(control).some(({ blocking }) => blocking);
	}

	/** The findings about fields that the form does not have. */
	get otherFindings(): PlanFinding[] {
		return this.findings("other");
	}

	#under(row: string): PlanFinding[] {
		return this.#shown.filter(({ control }) => control.startsWith(row)).map(({ finding }) => finding);
	}

	/** The control that edits a field of the plan. */
	#control(field: string): string {
		const [list, index, part] = field.split(".");
		const at = Number(index);
		switch (list) {
			case "name":
			case "image":
			case "memory":
			case "cpus":
			case "command":
			case "entrypoint":
			case "network":
				return list;
			case "ports": {
				const row = this.publishedPorts[at];
				if (!row) break;
				// The container port of an initial row cannot be edited.
				const inside = row.added && (part === "container_port" || part === "protocol");
				return `port-${row.key}.${inside ? "container_port" : "host_port"}`;
			}
			case "env": {
				const row = this.wantedEnv[at];
				if (!row) break;
				return `env-${row.key}.${part === "name" && !row.known ? "name" : "value"}`;
			}
			case "mounts": {
				const row = this.mounts[at];
				if (!row) break;
				return `mount-${row.key}.${part === "target" || row.kind === "tmpfs" ? "target" : "source"}`;
			}
		}
		return "other";
	}

	/** Accepts the free port that a finding offers. */
	usePort(row: PortRow, port: number) {
		row.hostPort = port;
		row.unreadHost = null;
		row.chosen = false;
	}

	/** Called after each edit: checks the plan once typing pauses. */
	edited() {
		this.checked = false;
		// An answer still in flight is for an older plan.
		this.#asked += 1;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.checkNow(), settle);
	}

	/** Resolves when the findings are up to date with the form. */
	async settled(): Promise<void> {
		while (!this.checked) await this.checkNow();
	}

	/** Checks the plan as it is. Only the newest answer counts. */
	async checkNow(): Promise<void> {
		clearTimeout(this.#timer);
		this.#asked += 1;
		const asked = this.#asked;
		try {
			const plan = $state.snapshot(this.plan) as RunPlan;
			const check = await host.runCheck(plan);
			if (asked !== this.#asked) return;
			const used = withUsedPorts(plan, check.findings);
			// The command has the ports that the run will use, the findings are about those that were asked for.
			const command = used ? await host.runCheck(used).catch(() => check) : check;
			if (asked !== this.#asked) return;
			this.check = { ...check, docker_run: command.docker_run, docker_run_full: command.docker_run_full };
			this.checkError = null;
		} catch (thrown) {
			if (asked !== this.#asked) return;
			this.checkError = HostError.from(thrown);
		}
		this.checked = true;
	}

	/** Generates another value for a secret. */
	async regenerate(row: EnvRow) {
		if (!this.#catalog) return;
		const fresh = await host.runDraft(this.#catalog);
		row.value = fresh.plan.env.find((variable) => variable.name === row.name)?.value ?? row.value;
	}

	/** Adds an empty row. Returns the control in which typing starts. */
	addPort(): string {
		const row = new PortRow(null);
		this.ports.push(row);
		return `port-${row.key}.container_port`;
	}

	/** Adds an empty row, or returns to one that is still empty. Returns the control in which typing starts. */
	addEnv(): string {
		const blank = this.env.find((row) => row.blank);
		const row = blank ?? new EnvRow("", "", null);
		if (!blank) this.env.push(row);
		return `env-${row.key}.name`;
	}

	/** Adds an empty row. Returns the control in which typing starts. */
	addMount(): string {
		const row = new MountRow(null);
		this.mounts.push(row);
		return `mount-${row.key}.source`;
	}

	remove(row: PortRow | EnvRow | MountRow) {
		if (row instanceof PortRow) this.ports = this.ports.filter((it) => it !== row);
		else if (row instanceof EnvRow) this.env = this.env.filter((it) => it !== row);
		else this.mounts = this.mounts.filter((it) => it !== row);
	}
}
