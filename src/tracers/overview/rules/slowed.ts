import { formatBytes } from '../../../lib/format.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Suspicion } from '../finding.ts';
import { count, duration, percent, perSecond } from '../format.ts';
import { equals, type Interval } from '../interval.ts';
import type { Rule } from '../rule.ts';
import { limits, type Slowed, type Work } from '../tasks/progress.ts';

const partNames: Readonly<Record<string, SafeText>> = {
	IO: safe`in waits for IO`,
	memory: safe`in page faults and reclaim`,
	futex: safe`in futex waits (locks, conditions)`,
	semaphore: safe`in semaphore waits`,
	'file lock': safe`in waits for file locks`,
	'kernel lock': safe`in waits for locks of the kernel`,
	quota: safe`out of CPU quota`,
	runnable: safe`in waits for a CPU`,
	stopped: safe`stopped by a signal (SIGSTOP) or a debugger`,
};

function byName(found: readonly Slowed[]): Slowed[][] {
	const names = new Map<string, Slowed[]>();
	for (const one of found) names.set(`${one.comm} ${one.part}`, [...(names.get(`${one.comm} ${one.part}`) ?? []), one]);
	return [...names.values()].map((all) => all.sort((a, b) => b.for_ns - a.for_ns));
}

function rateText({ rate, cpu, requests, bytes, packets }: Work, less: Slowed['less']): SafeText {
	if (less === 'packets') return safe`${perSecond(packets ?? 0)} packets`;
	if (less === 'requests')
		return safe`${perSecond(requests ?? 0)} block requests, ${formatBytes(bytes ?? 0, 'full') as SafeText}/s`;
	return cpu >= limits.cpu
		? safe`${percent(cpu)} of a CPU, ${perSecond(rate)} wake-ups`
		: safe`${perSecond(rate)} wake-ups`;
}

/** Suspicions of one kind; processes that stand still within a request are left to `stopped`. */
export function progressSuspicions(
	{ slowed, standstills, cpus }: Interval,
	kind: Slowed['kind'],
	least: number,
): Suspicion[] {
	const reported = new Set(standstills.flatMap(({ still }) => still.map(({ pid }) => pid)));
	return byName(slowed.filter((one) => one.kind === kind && !reported.has(one.pid))).map((all) => {
		const [first] = all as [Slowed];
		const several = all.length > 1;
		const isService = first.pid === 0;
		const what = kind === 'halted' ? safe`has done nothing` : safe`has done less`;
		const state =
			first.stuck > 0
				? safe`${first.stuck === 1 ? safe`the thread that worked is` : safe`all ${count(first.stuck)} threads that worked are`} ${partNames[first.part] ?? safe`asleep`}: a deadlock, or a pool whose work is done`
				: safe`its threads spend ${percent(first.share)} of the time ${partNames[first.part] ?? safe`asleep`} (before: ${percent(first.share_before)} kept from work)`;
		return {
			about: `${first.comm} ${first.part}`,
			excess: first.for_ns / least,
			subject: isService
				? safe`${first.comm} (all its processes)`
				: several
					? safe`${first.comm} ×${count(all.length)}`
					: safe`${first.comm}[${first.pid}]`,
			text: safe`${what} for ${duration(first.for_ns)}: ${rateText(first.now, first.less)}, where it was ${rateText(first.before, first.less)}; ${state}`,
			figures: {
				for_ns: first.for_ns,
				rate_per_s: first.now.rate,
				before_rate_per_s: first.before.rate,
				...(first.less === 'packets' && {
					packets_per_s: first.now.packets ?? 0,
					before_packets_per_s: first.before.packets ?? 0,
				}),
				...(first.less === 'requests' && {
					requests_per_s: first.now.requests ?? 0,
					before_requests_per_s: first.before.requests ?? 0,
				}),
				kept_share: first.share,
				before_kept_share: first.share_before,
				processes: all.length,
			},
			witnesses: [
				first.by === 'life'
					? safe`the task iterator: switches and CPU time of its whole life, since too little of its last minutes is known`
					: safe`the task iterator: wake-ups and CPU time against the process’s own last minute`,
			],
			owner: null,
			...(kind === 'halted' && (first.stuck === 0 || first.by === 'life') && { level: 'notice' as const }),
			link: {
				tab: 'overview' as const,
				group: isService ? 'service' : 'process',
				filter: equals('comm', first.comm),
				...(!isService && { process: `${first.pid}:${first.start_time}` }),
			},
			held_ns: first.for_ns,
			touches: Math.min(1, all.reduce((sum, one) => sum + one.before.cpu, 0) / Math.max(1, cpus)),
		};
	});
}

/** A process does much less than in its last minute, since something keeps it from work. */
export const slowed = {
	id: 'slowed',
	level: 'high',
	title: 'slowed',
	help: `A process that has worked for ${duration(limits.worked_ns)} or longer (${limits.rate} wake-ups a second, ${percent(limits.cpu)} of a CPU, ${limits.requests} block requests or ${limits.packets} packets a second), or a service of several processes, does at most ${percent(limits.left)} of that for ${duration(limits.slowed_ns)}, and its threads are kept from work: IO, page faults, locks, quota or a wait for a CPU take ${percent(limits.kept)} of their time, ${percent(limits.growth)} more than before. A process that waits for events, time or a child has nothing to do, and is none.`,
	uncheckable: ({ noTasks }) => noTasks,
	check: (interval) => progressSuspicions(interval, 'slowed', limits.slowed_ns),
} as const satisfies Rule;
