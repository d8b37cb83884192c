/** The program's own cost. */

import { summedError } from '../../core/cost.ts';
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
	const parts = newest.map(({ cost, dt_ns }) => ({
		value: cost.bpf_ns === null ? null : cost.bpf_ns / dt_ns,
		uncertainty: cost.bpf_uncertainty ?? null,
	}));
	const known = parts.flatMap(({ value }) => value ?? []);
	const bpf = known.length > 0 ? known.reduce((sum, value) => sum + value, 0) : null;
	const error = summedError(parts);
	const ages = newest.flatMap(({ cost }) => cost.bpf_price_age_ns ?? []);
	const { cpu_ns, rss_bytes, kernel_bytes = null, recorded_bytes, step_ns } = last.cost;
	return {
		bpf,
		// a tab whose programs ran, none of them while prices were measured
		incomplete: bpf !== null && known.length < parts.length,
		uncertainty: bpf === null || bpf === 0 || error === null ? null : error / bpf,
		age: ages.length > 0 ? Math.max(...ages) / 1e9 : null,
		cpu: cpu_ns / last.dt_ns,
		rssBytes: rss_bytes,
		kernelBytes: kernel_bytes,
		step: step_ns ?? null,
		recorded: recorded_bytes === undefined ? null : (recorded_bytes * 1e9) / last.dt_ns,
	};
}

/** `all`: with precision and age; `sum`: both shares in one figure, for the narrowest screens. */
export type CostForm = 'all' | 'kernel' | 'words' | 'figures' | 'sum';

/** ` ±8% (2m10s old)`: of the BPF programs' cost; the age is of the prices by which it is estimated. */
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
