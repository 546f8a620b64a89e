import { render, screen, waitFor } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { describe, expect, it, vi } from "vitest";
import { type ContainerDetail, host } from "../../host/host";
import Overview from "./Overview.svelte";
import { container, port } from "./samples";

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
		{ name: "LOG", value: "info" },
		{ name: "API_TOKEN", value: "s3cret" },
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
	docker_run: "docker run -d --name web nginx",
	docker_run_full: "docker run -d --name web nginx",
	note: "Sign in as `admin`",
};

describe("Overview", () => {
	it("shows ports, files, limits and the note, and hides secrets until asked", async () => {
		vi.spyOn(host, "containerDetail").mockResolvedValue(detail);
		const { container: page } = render(Overview, { container: view });
		await screen.findByText("API_TOKEN");
		const text = () => page.textContent ?? "";
		expect(screen.getByTestId("port-url-80").getAttribute("href")).toBe("http://127.0.0.1:8080");
		expect(text()).toContain("not exposed");
		expect(text()).toContain("unnamed volume f00dfeedf00d");
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
			container: { ...view, state: "exited", exit_code: 137, reason: "out of memory (limit 64 MB)" },
		});
		await waitFor(() => expect(asked).toHaveBeenCalledTimes(2));
		expect(screen.getByTestId("exit-reason").textContent).toContain(
			"out of memory (limit 64 MB), exit code 137",
		);
	});
});
