/** The histograms that libbpf-tools print. */

/** Counts by power of two of µs of each histogram that runqlat printed. */
export function histograms(output: string): number[][] {
	return output
		.split(/^\s*usecs\s.*$/m)
		.slice(1)
		.map((part) => [...part.matchAll(/^\s*\d+\s*->\s*\d+\s*:\s*(\d+)/gm)].map((line) => Number(line[1])));
}

/** Both have slots only, so both means are those of the slots' middles. */
export function summary(slots: readonly number[]): { count: number; mean: number } {
	const count = slots.reduce((sum, one) => sum + one, 0);
	const sum = slots.reduce((total, one, slot) => total + one * (slot === 0 ? 1 : 1.5 * 2 ** slot), 0);
	return { count, mean: sum / count };
}
