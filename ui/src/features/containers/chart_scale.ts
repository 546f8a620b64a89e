/**
 * The maximum of a CPU chart in percent: a round number above all values, or the limit (in percent) if that
 * is closer.
 */
export function cpuScale(values: readonly (number | null)[], limit: number | null): number {
	return ceiling(largest(values), [5, 10, 25, 50, 100], limit);
}

const MB = 1024 ** 2;

/** The same for memory in bytes. */
export function memoryScale(values: readonly (number | null)[], limit: number | null): number {
	return ceiling(largest(values), [MB, 2 * MB, 4 * MB, 8 * MB], limit);
}

const largest = (values: readonly (number | null)[]) => Math.max(0, ...values.map((value) => value ?? 0));

/** The first step with some room above the value; beyond the steps, the last one is doubled until it fits. */
function ceiling(value: number, steps: readonly number[], limit: number | null): number {
	const wanted = value * 1.1;
	let top = steps.find((step) => step >= wanted) ?? steps.at(-1) ?? 1;
	while (top < wanted) top *= 2;
	return limit !== null && limit > 0 && value <= limit ? Math.min(top, limit) : top;
}
