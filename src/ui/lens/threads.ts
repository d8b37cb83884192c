/** Lens: the threads of one process, CPU time beside waits. */
import { formatCount, formatNs, formatShare, formatWatts } from '../../lib/format.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import { fitCells } from '../../lib/width.ts';
import { lineOf } from '../widgets/line.ts';
import { dim, energyOf, isSame, type LensContext, notYet, type Section } from './context.ts';

interface Thread {
	comm: SafeText;
	cpu: number;
	watts: number;
	waits: number;
	wait_ns: number;
	p99_ns: number;
}

function threadsOf({ process, histories }: LensContext): Map<number, Thread> {
	const threads = new Map<number, Thread>();
	const get = (tid: number, comm: SafeText): Thread => {
		const none = Number.NaN;
		const thread = threads.get(tid) ?? { comm, cpu: none, watts: none, waits: none, wait_ns: none, p99_ns: none };
		threads.set(tid, thread);
		return thread;
	};
	const energy = histories.energy.at(-1);
	if (energy?.focus?.process && isSame(process, energy.focus.pid, energy.focus.process.start_time)) {
		for (const { tid, comm, cpu_ns, watts, unmeasured } of energy.focus.threads) {
			const thread = get(tid ?? 0, comm);
			thread.cpu = cpu_ns / energy.dt_ns;
			thread.watts = unmeasured ? Number.NaN : watts;
		}
	}
	const waits = histories.runqlat.at(-1)?.focus;
	if (waits?.process && isSame(process, waits.pid, waits.process.key.start_time ?? 0)) {
		for (const { key, count, wait_ns, p99_ns } of waits.threads) {
			Object.assign(get(key.id, key.comm), { waits: count, wait_ns, p99_ns });
		}
	}
	return threads;
}

const titles = ['TID', 'CPU', 'WATTS', 'WAITS', 'WAIT', 'P99'];

export const threadsSection: Section = {
	tab: null,
	title: 'Threads',
	details(context) {
		const threads = threadsOf(context);
		const row = energyOf(context.process, context.histories.energy.at(-1));
		if (threads.size === 0) return row && row.threads > 1 ? [dim(`threads: ${notYet(context)}`)] : [];
		const busy = (thread: Thread) => (thread.cpu || 0) + (thread.wait_ns || 0) / 1e9;
		const sorted = [...threads].sort(([, a], [, b]) => busy(b) - busy(a));
		const line = (cells: readonly string[], name: string) =>
			lineOf(context.width, [`${cells.map((cell) => fitCells(cell, 8, 'right')).join('')}  ${name}`]);
		const limit = context.tall ? 16 : 8;
		const shown = sorted.slice(0, limit).map(([tid, { comm, cpu, watts, waits, wait_ns, p99_ns }]) => {
			const figures = [formatShare(cpu), formatWatts(watts), formatCount(waits), formatNs(wait_ns), formatNs(p99_ns)];
			return line([String(tid), ...figures], comm);
		});
		const rest = sorted.length - shown.length;
		return [dim(line(titles, 'THREAD')), ...shown, ...(rest > 0 ? [dim(`and ${rest} more`)] : [])];
	},
};
