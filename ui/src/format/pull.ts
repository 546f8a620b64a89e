import type { PullProgress } from "../host/host";
import { bytes, bytesOf } from "./bytes";

/** The current phase of a pull: "Downloading, 12 of 72 MB". Without a report yet, it contacts the registry. */
export function pullStep(progress: PullProgress | null): string {
	switch (progress?.phase) {
		case undefined:
		case "resolving":
			return "Contacting the registry";
		case "downloading":
			return `Downloading, ${
				progress.bytes_total ? bytesOf(progress.bytes_done, progress.bytes_total) : bytes(progress.bytes_done)
			}`;
		case "extracting":
			return `Unpacking, ${progress.layers_done} of ${progress.layers_total} layers`;
		case "loading":
			return "Loading the image that ships with Slipway";
		case "done":
			return "Done";
	}
}
