import { copyText } from "../host/host";
import { toasts } from "./toasts.svelte";

/** Puts text on the clipboard; a toast tells when that fails. */
export async function copy(text: string): Promise<boolean> {
	const done = await copyText(text);
	if (!done) toasts.show("Could not copy: the clipboard is not available", { kind: "warn" });
	return done;
}

/** Puts text on the clipboard; a toast tells how it went. The text may still be on its way, and fail. */
export async function copyWithToast(text: string | Promise<string>, copied: string): Promise<void> {
	try {
		if (await copy(await text)) toasts.show(copied, { kind: "ok" });
	} catch (thrown) {
		toasts.error(thrown);
	}
}
