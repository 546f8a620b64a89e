import type { ContainerView, PortView } from "../../host/host";

/** A port on this computer that leads to a container. */
export interface PublishedPort {
	port: PortView;
	/** `8080`, or `53/udp`. */
	text: string;
	/** Whether other computers can connect to it. */
	open: boolean;
}

/** Published ports, by host port. The same port on IPv4 and IPv6 is merged, and is open if either is. */
export function publishedPorts(container: ContainerView): PublishedPort[] {
	const found = new Map<string, PublishedPort>();
	for (const port of container.ports) {
		if (port.host_port === null) continue;
		const text = port.protocol === "tcp" ? String(port.host_port) : `${port.host_port}/${port.protocol}`;
		const open = port.open_to_network;
		const same = found.get(text);
		if (!same) found.set(text, { port, text, open });
		else if (open) same.open = true;
	}
	return [...found.values()];
}

/**
 * Widths in pixels at a row's font size: a digit, the marker of an open port, the space between two ports.
 */
const DIGIT = 8.6;
const SIGN = 16;
const BETWEEN = 10;

/**
 * How many ports fit into a width, with `+N` for the rest. At least one, because a truncated number would be
 * wrong.
 */
export function fitting(ports: readonly PublishedPort[], room: number): number {
	let used = 0;
	let shown = 0;
	for (const { text, open } of ports) {
		used += text.length * DIGIT + (open ? SIGN : 0) + (shown > 0 ? BETWEEN : 0);
		const rest = ports.length - shown - 1;
		const more = rest > 0 ? BETWEEN + DIGIT * (1 + String(rest).length) : 0;
		if (used + more > room) break;
		shown += 1;
	}
	return Math.max(shown, Math.min(1, ports.length));
}
