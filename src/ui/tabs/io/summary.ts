/** Lines above the table, in every view of the tab. */

import { type Snapshot, secondsOf } from '../../../core/snapshot.ts';
import { formatBytes, formatCount, formatNs, formatRate, formatShare } from '../../../lib/format.ts';
import type { Span } from '../../../term/theme.ts';
import type { FullPath, IoExtra, IoRow, Owner } from '../../../tracers/io/snapshot.ts';
import { countedOnce } from '../../../tracers/io/sum.ts';

type IoSnapshot = Snapshot<IoRow, IoExtra>;

export const views = ['stages', 'slow', 'in flight'] as const;
export type View = (typeof views)[number];

/** Slow requests in the history, those that were not recorded, and the time that it covers, s. */
export function slowCounts(history: readonly IoSnapshot[]): { listed: number; suppressed: number; seconds: number } {
	const counts = { listed: 0, suppressed: 0, seconds: 0 };
	for (const snapshot of history) {
		counts.listed += snapshot.slow.length;
		counts.suppressed += snapshot.slow_suppressed;
		counts.seconds += secondsOf(snapshot);
	}
	return counts;
}

function viewSpans(snapshot: IoSnapshot, history: readonly IoSnapshot[], view: View): Span[] {
	const { listed, suppressed } = slowCounts(history);
	const counts: Partial<Record<View, number>> = { slow: listed + suppressed, 'in flight': snapshot.inflight_count };
	return views.map((name): Span => {
		const count = counts[name];
		return [name === view ? 'tabActive' : 'tab', count === undefined ? ` ${name} ` : ` ${name} ${formatCount(count)} `];
	});
}

function filterSpans({ filter }: IoSnapshot): Span[] {
	return filter === '' ? [] : [['alert', ` only ${filter} `], ' '];
}

function rateSpans(snapshot: IoSnapshot): Span[] {
	const seconds = secondsOf(snapshot);
	const rows = countedOnce(snapshot.rows);
	const [count, bytes] = [rows.reduce((n, row) => n + row.count, 0), rows.reduce((n, row) => n + row.bytes, 0)];
	const { requests, none } = snapshot.associated;
	return [
		'  ',
		['strong', formatRate(count / seconds)],
		['dim', ' IO/s  '],
		['strong', bytes > 0 ? formatBytes(bytes / seconds, 'full') : '0B'],
		['dim', '/s  owner known '],
		requests > 0 ? formatShare(1 - none / requests) : '–',
	];
}

function fullPathSpans({ state, reason, cost_share, limit_share }: FullPath): Span[] {
	const cost: Span[] = [
		['dim', '  cost '],
		formatShare(cost_share),
		['dim', ` of one CPU, detached beyond ${formatShare(limit_share)}`],
	];
	switch (state) {
		case 'on':
			return [['dim', 'full path '], ['good', 'on'], ...cost, ['dim', '  f: off']];
		case 'off':
			return [['dim', 'full path off  f: file system, system call and wake-up too']];
		case 'detached':
			return [['dim', 'full path '], ['warn', 'detached'], reason === '' ? '' : `: ${reason}`];
		case 'unavailable':
			return [['dim', 'full path '], ['warn', 'unavailable'], reason === '' ? '' : `: ${reason}`];
	}
}

const owners: readonly Owner[] = ['submitter', 'dirtied', 'cgroup', 'kernel', 'none'];

function ownerSpans({ associated }: IoSnapshot): Span[] {
	const { requests } = associated;
	if (requests === 0) return [];
	const parts = owners
		.filter((owner) => associated[owner] > 0)
		.flatMap((owner): Span[] => [['dim', ` ${owner} `], formatShare(associated[owner] / requests)]);
	return [['dim', 'owner'], ...parts, '  '];
}

/** Disks that were removed. */
function goneSpans({ gone }: IoSnapshot): Span[] {
	return gone ? [['bad', `gone: ${gone.join(' ')}`], '  '] : [];
}

/** Counts of merges, splits and the like, where there were any. */
function eventSpans(snapshot: IoSnapshot): Span[] {
	const events: readonly (readonly [string, number])[] = [
		['bios merged', snapshot.merged_bios],
		['requests merged', snapshot.merged_requests],
		['split', snapshot.splits],
		['bypassed scheduler', snapshot.bypassed],
		['requeued', snapshot.requeues],
		['partial', snapshot.partial],
	];
	return events
		.filter(([, count]) => count > 0)
		.flatMap(([name, count]): Span[] => [
			['dim', `${name} `],
			[name === 'requeued' ? 'warn' : 'plain', formatCount(count)],
			'  ',
		]);
}

/** The request that is in flight longest, for screens with rows to spare. */
function oldestSpans({ inflight }: IoSnapshot): Span[] {
	const [oldest] = inflight;
	if (!oldest) return [['dim', 'in flight: none']];
	return [
		['dim', 'oldest in flight '],
		['warn', formatNs(oldest.age_ns)],
		['dim', ` in ${oldest.stage}: `],
		`${oldest.op} ${oldest.device} ${formatBytes(oldest.bytes)} `,
		`${oldest.comm}[${oldest.pid}]`,
	];
}

/** Most important first. */
export function summaryOf(
	snapshot: IoSnapshot,
	history: readonly IoSnapshot[],
	view: View,
	height: number,
): readonly (readonly Span[])[] {
	return [
		[...filterSpans(snapshot), ...viewSpans(snapshot, history, view), ...rateSpans(snapshot)],
		fullPathSpans(snapshot.full_path),
		[...goneSpans(snapshot), ...ownerSpans(snapshot), ...eventSpans(snapshot)],
		...(height >= 30 ? [oldestSpans(snapshot)] : []),
	];
}
