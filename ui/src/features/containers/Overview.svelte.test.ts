import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { describe, expect, it, vi } from "vitest";
import { type ContainerDetail, type ContainerView, host } from "../../host/host";
import Overview from "./Overview.svelte";
import { container, port } from "./samples";
import { statusWords } from "./status";

const view = container({
	name: "web",
	ports: [port(80, 8080), port(443)],
	mounts: [
		{ kind: "volume", source: "f00dfeed".repeat(8), target: "/data", read_only: false, anonymous: true },
	],
});
const detail: ContainerDetail = {
	container: view,
	command: ["nginx", "-g", "daemon off;"],
	env: [
		{ name: "LOG", value: "info", secret: false },
		{ name: "API_TOKEN", value: "s3cret", secret: true },
	],
	working_dir: "",
	user: "",
	hostname: "web",
	restart: "unless-stopped",
	memory_limit: null,
	cpu_limit: 1.5,
	networks: [{ name: "bridge", ip_address: "172.17.0.2" }],
	labels: [],
	started_at: null,
	finished_at: null,
	restart_count: 0,
	tty: false,
	platform: "linux/amd64",
	health_output: null,
	start_error: null,
	last_lines: null,
	docker_run: "docker run -d --name web nginx",
	docker_run_full: "docker run -d --name web nginx",
	note: "Sign in as `admin`",
	connections: [],
};

describe("Overview", () => {
	it("shows ports, mounts, limits and the note, and hides secrets until asked", async () => {
		vi.spyOn(host, "containerDetail").mockResolvedValue(detail);
		const { container: page } = render(Overview, { container: view });
		await screen.findByText("API_TOKEN");
		const text = () => page.textContent ?? "";
		expect(screen.getByTestId("port-url-80").getAttribute("href")).toBe("http://127.0.0.1:8080");
		expect(text()).toContain("not published");
		expect(text()).toContain("anonymous volume f00dfeedf00d");
		expect(text()).toContain("nginx -g 'daemon off;'");
		expect(text()).toContain("1.5 CPUs");
		expect(screen.getByTestId("first-use-note").textContent).toContain("admin");
		expect(text()).not.toContain("s3cret");
		screen.getByTestId("reveal-API_TOKEN").click();
		flushSync();
		expect(text()).toContain("s3cret");
	});

	it("asks again when its container changes", async () => {
		const asked = vi.spyOn(host, "containerDetail").mockResolvedValue(detail);
		const { rerender } = render(Overview, { container: view });
		await waitFor(() => expect(asked).toHaveBeenCalledTimes(1));
		await rerender({
			container: {
				...view,
				state: "exited",
				exit_code: 137,
				ending: "out_of_memory",
				reason: "out of memory (limit 64 MB)",
			},
		});
		await waitFor(() => expect(asked).toHaveBeenCalledTimes(2));
		expect(screen.getByTestId("exit-reason").textContent).toContain(
			"out of memory (limit 64 MB), exit code 137",
		);
	});

	const shown = (of: Partial<ContainerView>, more: Partial<ContainerDetail> = {}) => {
		const it = { ...view, ...of };
		vi.spyOn(host, "containerDetail").mockResolvedValue({ ...detail, container: it, ...more });
		return render(Overview, { container: it });
	};

	it("says of a stop that was asked for that it is no problem", async () => {
		shown({
			state: "exited",
			exit_code: 137,
			ending: "stopped",
			reason: "stopped (killed after 10 s)",
		});
		await screen.findByText("API_TOKEN");
		const note = screen.getByTestId("exit-reason");
		expect(note.textContent).toContain("Stopped: killed after 10 s, exit code 137");
		expect(note.classList.contains("bad")).toBe(false);
	});

	it("shows what a crash loop is about, with the last lines of the log", async () => {
		shown(
			{ state: "restarting", exit_code: 3, restart_count: 6 },
			{ restart_count: 7, last_lines: "no such host: db\n" },
		);
		await screen.findByText("API_TOKEN");
		const note = screen.getByTestId("crash-loop");
		expect(note.textContent).toContain("Keeps crashing: exit code 3, restarted 7 times");
		expect(note.classList.contains("bad")).toBe(true);
		expect(screen.getByTestId("last-lines").textContent).toBe("no such host: db");
	});

	it("knows the ports of a stopped container from its detail", async () => {
		const { container: page } = shown(
			{ state: "exited", exit_code: 0, ending: "finished", ports: [] },
			{
				container: {
					...view,
					state: "exited",
					ports: [
						port(5432),
						{ ...port(80, 8080), url: null, exposed: "none", host_ip: "0.0.0.0", open_to_network: true },
					],
				},
			},
		);
		await screen.findByText("API_TOKEN");
		expect(page.textContent).toMatch(/5432\/tcp\s*not published/);
		expect(page.textContent).toMatch(/0\.0\.0\.0:8080\s*when it runs\s*reachable from other computers/);
	});

	it("lists what is mounted from memory", async () => {
		shown(
			{ mounts: [] },
			{
				container: {
					...view,
					mounts: [{ kind: "tmpfs", source: null, target: "/run", read_only: false, anonymous: false }],
				},
			},
		);
		await screen.findByText("API_TOKEN");
		expect(screen.getByTestId("mounts").textContent).toMatch(/\/run\s*tmpfs/);
	});

	it("tells the age of the start as the status does, to the second", async () => {
		const since = new Date(Date.now() - 36_400).toISOString();
		const { container: page } = shown(
			{ since, created_at: new Date(Date.now() - 5_000).toISOString() },
			{ started_at: new Date(Date.now() - 39_000).toISOString() },
		);
		await screen.findByText("API_TOKEN");
		const seconds = /^up (\d+ s)$/.exec(statusWords({ ...view, since }))?.[1];
		expect(screen.getByTestId("started").textContent).toBe(`${seconds} ago`);
		expect(screen.getByTestId("created").textContent).toBe("just now");
		expect(page.textContent).not.toMatch(/\bnow ago|^now$/);
	});

	it("says of a container that ended with the machine so, once", async () => {
		shown({ state: "exited", exit_code: 0, ending: "stopped", reason: "stopped with the machine" });
		await screen.findByText("API_TOKEN");
		expect(screen.getByTestId("exit-reason").textContent).toMatch(
			/^\s*Stopped with the machine: exit code 0/,
		);
	});

	it("says whole who has a port, what to do, and nothing as if the page could be opened", async () => {
		const reason = "taken by docker-proxy (process 4711)";
		const { container: page } = shown({ ports: [{ ...port(80, 8081), url: null, unreachable: reason }] });
		await screen.findByText("API_TOKEN");
		const line = screen.getByTestId("port-unreachable-80").closest(".line")!;
		expect(line.textContent).toContain(`127.0.0.1:8081: ${reason}`);
		expect(line.textContent).toContain("Stop that program");
		expect(line.textContent).not.toContain("published");
		expect(line.querySelector(".truncate")).toBeNull();
		expect(screen.queryByTestId("first-use-note")).toBeNull();
		expect(page.textContent).not.toContain("Sign in as");
	});

	it("says nothing of a stopped container as if it ran", async () => {
		const { container: page } = shown(
			{ state: "exited", exit_code: 0, ending: "finished", health: "unhealthy" },
			{
				health_output: "curl: (7) Failed to connect",
				connections: [
					{ from: "This computer", value: "postgres://127.0.0.1", masked: "postgres://127.0.0.1" },
				],
			},
		);
		await screen.findByText("API_TOKEN");
		for (const gone of ["first-use-note", "cpu-chart", "memory-chart", "health-output", "port-url-80"])
			expect(screen.queryByTestId(gone), gone).toBeNull();
		expect(page.textContent).toContain("Connect once it runs, from");
		expect(page.textContent).not.toMatch(/measuring|respond|is running/i);
	});

	it("says that it measures until the first sample is there", () => {
		shown({});
		expect(screen.getByTestId("cpu-chart").closest("section")?.textContent).toContain("measuring…");
		expect(screen.getByTestId("memory-chart").textContent).toContain("last 60 s");
	});
});
