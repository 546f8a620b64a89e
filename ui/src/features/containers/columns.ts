import { shownReference } from "../../format/image_reference";
import type { ContainerView } from "../../host/host";
import { publishedPorts } from "./ports";
import { exitReason, hasFailed } from "./status";

/** Width of each column, for `grid-template-columns`. */
export interface ColumnShares {
	name: string;
	/** Of the name where the image is below it. */
	stacked: string;
	image: string;
	/** Null without any published port. */
	ports: string | null;
	status: string;
}

/** Rounded to steps, so that a change of one container does not move all columns. */
const STEP = 4;

function share(characters: number, least: number, most: number): string {
	return `${Math.ceil(Math.min(Math.max(characters, least), most) / STEP) * STEP}fr`;
}

/** Approximate text of a status: a time is assumed to have this length. */
const AGE = 14;
/** As long as `stopped` with a time, so that a container that starts or stops moves no column. */
const LEAST_STATUS = 24;

function statusLength(container: ContainerView): number {
	if (container.state === "restarting") return 40;
	if (container.state === "exited" || hasFailed(container)) return exitReason(container).length + AGE;
	return container.health === "unhealthy" || container.health === "starting" ? 24 : AGE;
}

/**
 * Divides the width by the content of the columns: a long name gets room from short statuses, and vice versa.
 */
export function columnShares(containers: readonly ContainerView[]): ColumnShares {
	let name = 0;
	let image = 0;
	let ports = 0;
	let status = 0;
	for (const container of containers) {
		name = Math.max(name, container.name.length);
		image = Math.max(image, shownReference(container.image).length);
		const published = container.ports.length > 0 ? publishedPorts(container) : [];
		ports = Math.max(
			ports,
			published.reduce((sum, { text }) => sum + text.length + 3, 0),
		);
		status = Math.max(status, statusLength(container));
	}
	return {
		name: share(name + 2, 14, 36),
		stacked: share(Math.max(name + 2, image), 14, 36),
		image: share(image, 12, 32),
		ports: ports === 0 ? null : share(ports, 10, 24),
		status: share(status, LEAST_STATUS, 40),
	};
}
