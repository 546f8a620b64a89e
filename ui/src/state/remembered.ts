/** State of the window alone (filters, sort order, theme), kept across reloads. The backend has its own settings. */
export function remember<T>(key: string, value: T, storage: Storage = localStorage) {
	try {
		storage.setItem(`slipway.${key}`, JSON.stringify(value));
	} catch {
		// If storage is full or forbidden, only the saved view is lost.
	}
}

export function remembered<T>(key: string, fallback: T, storage: Storage = localStorage): T {
	try {
		const text = storage.getItem(`slipway.${key}`);
		return text === null ? fallback : (JSON.parse(text) as T);
	} catch {
		return fallback;
	}
}
