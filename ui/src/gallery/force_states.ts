const states: [RegExp, string][] = [
	[/:hover/g, ".is-hover"],
	[/:focus-visible/g, ".is-focus"],
	[/:focus-within/g, ".has-focus"],
	[/:active/g, ".is-active"],
];

/** Duplicates every rule for hover or focus with a class, so that a static page can show those states. */
export function forceStates() {
	const twins: string[] = [];
	for (const sheet of document.styleSheets) {
		for (const rule of sheet.cssRules) {
			if (!(rule instanceof CSSStyleRule)) continue;
			const twin = states.reduce(
				(selector, [state, name]) => selector.replace(state, name),
				rule.selectorText,
			);
			if (twin !== rule.selectorText) twins.push(`${twin} { ${rule.style.cssText} }`);
		}
	}
	const style = document.createElement("style");
	style.textContent = twins.join("\n");
	document.head.append(style);
}
