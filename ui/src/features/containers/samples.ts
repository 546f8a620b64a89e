import type { ContainerView, PortView } from "../../host/host";

let made = 0;

/** A container for tests: running, with an id of its own. */
export function container(fields: Partial<ContainerView> = {}): ContainerView {
	made += 1;
	const id = made.toString(16).padStart(8, "0").padEnd(64, "c");
	return {
		id,
		name: `container-${made}`,
		image: "nginx:1.27",
		image_id: `sha256:${id}`,
		state: "running",
		since: null,
		status: "Up 2 hours",
		health: null,
		exit_code: null,
		ending: null,
		reason: null,
		restart_count: null,
		last_exit_code: null,
		created_at: "2026-01-01T00:00:00Z",
		ports: [],
		mounts: [],
		stack: null,
		...fields,
	};
}

/** A TCP port for tests, published when it has a host port. */
export function port(containerPort: number, hostPort: number | null = null): PortView {
	return {
		container_port: containerPort,
		protocol: "tcp",
		host_ip: hostPort === null ? null : "127.0.0.1",
		host_port: hostPort,
		url: hostPort === null ? null : `http://127.0.0.1:${hostPort}`,
		open_to_network: false,
		exposed: hostPort === null ? "none" : "published",
		unreachable: null,
	};
}
