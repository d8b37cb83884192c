import type { Ns } from './units.ts';

/** CLOCK_MONOTONIC, the clock of BPF programs; exact to 1 ns up to 104 days of uptime. */
export function monotonicNs(): Ns {
	return Number(process.hrtime.bigint());
}
