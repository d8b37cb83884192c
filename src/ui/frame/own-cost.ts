/** The program's own cost. */

import type { Snapshot } from '../../core/snapshot.ts';
import { formatBytes, formatDuration, formatNs, formatShare } from '../../lib/format.ts';
import type { Ns } from '../../lib/units.ts';
import type { Span } from '../../term/theme.ts';

export interface OwnCost {
	/** Time in the BPF programs of all tabs, as a share of one CPU; null: not known for any of them. */
	bpf: number | null;
	/** Not known for some of the tabs, whose part is missing in `bpf`. */
	incomplete: boolean;
	/** Of `bpf`, relative; null: not known. */
	uncertainty: number | null;
	/** Age of the prices by which it is estimated, s; null: none was measured. */
	age: number | null;
	/** Of the whole process, as a share of one CPU. */
	cpu: number;
	rssBytes: number;
	/** Kernel memory of BPF maps and programs; null: not known. */
	kernelBytes: number | null;
	/** Bytes per second that a recorder wrote; null: none. */
	recorded: number | null;
	/** Interval that a recorder takes to stay within its limit of CPU time; null: the requested one. */
	step: Ns | null;
}

/** Of the newest snapshots of all tabs that have programs; null before the first. */
export function costOf(snapshots: readonly (Snapshot | undefined)[]): OwnCost | null {
	const newest = snapshots.filter((snapshot) => snapshot !== undefined && snapshot.dt_ns > 0) as Snapshot[];
	const last = newest.at(-1);
	if (!last) return null;
	let bpf: number | null = null;
	let incomplete = false;
	let error: number | null = 0;
	let age: number | null = null;
	for (const { cost, dt_ns } of newest) {
		const { bpf_ns, bpf_uncertainty = null, bpf_price_age_ns = null } = cost;
		// a tab whose programs ran, none of them while prices were measured
		if (bpf_ns === null) incomplete = true;
		else bpf = (bpf ?? 0) + bpf_ns / dt_ns;
		// errors of different programs are added, as if all had the same sign
		if (bpf_ns !== 0)
			error =
				error === null || bpf_ns === null || bpf_uncertainty === null
					? null
					: error + (bpf_ns / dt_ns) * bpf_uncertainty;
		if (bpf_price_age_ns !== null) age = Math.max(age ?? 0, bpf_price_age_ns / 1e9);
	}
	const { cpu_ns, rss_bytes, kernel_bytes = null, recorded_bytes, step_ns } = last.cost;
	return {
		bpf,
		incomplete: incomplete && bpf !== null,
		uncertainty: bpf === null || bpf === 0 || error === null ? null : error / bpf,
		age,
		cpu: cpu_ns / last.dt_ns,
		rssBytes: rss_bytes,
		kernelBytes: kernel_bytes,
		step: step_ns ?? null,
		recorded: recorded_bytes === undefined ? null : (recorded_bytes * 1e9) / last.dt_ns,
	};
}

/** `all`: with precision and age; `sum`: both shares in one figure, for the narrowest screens. */
export type CostForm = 'all' | 'kernel' | 'words' | 'figures' | 'sum';

/** ` ±8% (2m10s ago)`: of the BPF programs' cost; the age is of the prices by which it is estimated. */
function precisionSpans({ bpf, incomplete, uncertainty, age }: OwnCost): Span[] {
	if (bpf === null) return [['dim', ' (not measured)']];
	if (incomplete) return [['dim', ' (rest not measured yet)']];
	return [
		...(uncertainty === null || uncertainty === 0 ? [] : ([['dim', ` ±${formatShare(uncertainty)}`]] as Span[])),
		...(age === null || age < 1 ? [] : ([['dim', ` (${formatDuration(age)} old)`]] as Span[])),
	];
}

export function costSpans(cost: OwnCost | null, form: CostForm): Span[] {
	if (!cost) return [];
	const least = cost.incomplete ? '≥' : '';
	if (form === 'sum')
		return [['dim', 'own '], `${cost.bpf === null ? '≥' : least}${formatShare((cost.bpf ?? 0) + cost.cpu)}`];
	const words = form === 'words' || form === 'kernel' || form === 'all';
	return [
		['dim', words ? 'own cost: BPF ' : 'own BPF '],
		cost.bpf === null ? '?' : `${least}${formatShare(cost.bpf)}`,
		...(form === 'all' ? precisionSpans(cost) : []),
		['dim', ' CPU '],
		formatShare(cost.cpu),
		// a longer interval for that
		...(cost.step === null ? [] : ([['dim', ' every '], formatNs(cost.step)] as Span[])),
		['dim', words ? ' RSS ' : ' '],
		formatBytes(cost.rssBytes, words ? 'full' : 'short'),
		...(cost.recorded === null || !words ? [] : ([['dim', ' disk '], `${formatBytes(cost.recorded)}/s`] as Span[])),
		...((form !== 'all' && form !== 'kernel') || cost.kernelBytes === null
			? []
			: ([['dim', ' kernel '], formatBytes(cost.kernelBytes, 'full')] as Span[])),
	];
}
