/** Copies text to the clipboard. False if the system refuses. */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copyThroughSelection(text);
	}
}

/** Fallback for web views without clipboard permission: selects the text and executes the copy command. */
function copyThroughSelection(text: string): boolean {
	const focused = document.activeElement;
	const area = document.createElement("textarea");
	area.value = text;
	area.readOnly = true;
	area.className = "sr-only";
	// A dialog traps the focus: a field outside of it would lose the selection at once.
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
