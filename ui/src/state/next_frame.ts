/** Runs a function before the next paint; in a hidden window, a little later. */
export function nextFrame(run: () => void) {
	let ran = false;
	const once = () => {
		if (ran) return;
		ran = true;
		run();
	};
	requestAnimationFrame(once);
	setTimeout(once, 100);
}
