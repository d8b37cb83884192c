/** Number and distribution of waits beside those of libbpf-tools runqlat, of the same process from its begin to its end. */
import { besideRunqlat } from '../truth/peer-runqlat.ts';
import type { Workloads } from '../truth/workload.ts';
import { type Check, check } from './check.ts';

export async function peerWaits(loads: Workloads): Promise<Check[]> {
	const { ours, theirs } = await besideRunqlat(loads);
	const compare = (figure: string, unit: string, what: 'count' | 'mean', bound: number, note?: string): Check => {
		const truth = { least: theirs[what], most: theirs[what] };
		return check(
			figure,
			'libbpf-tools runqlat',
			unit,
			{ ours: ours[what], ...truth },
			{ bound, ...(note && { note }) },
		);
	};
	return [
		compare('run-queue waits', 'waits', 'count', 0.01),
		compare('mean run-queue wait', 'µs', 'mean', 0.05, 'both by the middles of their powers of two'),
	];
}
