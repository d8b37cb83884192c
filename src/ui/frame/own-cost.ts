/** The program's own cost. */

import type { Snapshot } from '../../core/snapshot.ts';
import { formatBytes, formatShare } from '../../lib/format.ts';
import type { Span } from '../../term/theme.ts';

export interface OwnCost {
	/** Time in the BPF programs of all tabs, and of the whole process, as shares of one CPU. */
	bpf: number;
	cpu: number;
	rssBytes: number;
	/** Kernel memory of BPF maps and programs; null: not known. */
	kernelBytes: number | null;
}

/** Of the newest snapshots of all tabs; null before the first. */
export function costOf(snapshots: readonly (Snapshot | undefined)[]): OwnCost | null {
	let cost: OwnCost | null = null;
	for (const snapshot of snapshots) {
		if (!snapshot || !(snapshot.dt_ns > 0)) continue;
		const bpf: number = (cost?.bpf ?? 0) + snapshot.cost.bpf_ns / snapshot.dt_ns;
		const { cpu_ns, rss_bytes, kernel_bytes = null } = snapshot.cost;
		cost = { bpf, cpu: cpu_ns / snapshot.dt_ns, rssBytes: rss_bytes, kernelBytes: kernel_bytes };
	}
	return cost;
}

/** `sum`: both shares in one figure, for the narrowest screens. */
export type CostForm = 'all' | 'words' | 'figures' | 'sum';

export function costSpans(cost: OwnCost | null, form: CostForm): Span[] {
	if (!cost) return [];
	if (form === 'sum') return [['dim', 'own '], formatShare(cost.bpf + cost.cpu)];
	const words = form === 'words' || form === 'all';
	return [
		['dim', words ? 'own cost: BPF ' : 'own BPF '],
		formatShare(cost.bpf),
		['dim', ' CPU '],
		formatShare(cost.cpu),
		['dim', words ? ' RSS ' : ' '],
		formatBytes(cost.rssBytes, words ? 'full' : 'short'),
		...(form !== 'all' || cost.kernelBytes === null
			? []
			: ([['dim', ' kernel '], formatBytes(cost.kernelBytes, 'full')] as Span[])),
	];
}
