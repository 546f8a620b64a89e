/** The time for "3 minutes ago", to the half minute. It stands still while nobody looks. */
class Clock {
	now = $state(Date.now());

	constructor() {
		setInterval(() => {
			if (document.visibilityState === "visible") this.now = Date.now();
		}, 30_000);
		document.addEventListener("visibilitychange", () => {
			if (document.visibilityState === "visible") this.now = Date.now();
		});
	}
}

export const clock = new Clock();
