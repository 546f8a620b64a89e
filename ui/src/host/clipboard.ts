/** Puts text on the clipboard. False when the system refuses. */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copyThroughSelection(text);
	}
}

/** For web views that grant no clipboard permission: what a person does with Ctrl-A, Ctrl-C. */
function copyThroughSelection(text: string): boolean {
	const focused = document.activeElement;
	const area = document.createElement("textarea");
	area.value = text;
	area.readOnly = true;
	area.className = "sr-only";
	// A dialog traps focus: a field outside of it would lose the selection at once.
	const parent = focused?.closest("[role=dialog]") ?? document.body;
	parent.append(area);
	area.select();
	let copied = false;
	try {
		copied = document.execCommand("copy");
	} catch {
		copied = false;
	}
	area.remove();
	if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
	return copied;
}
