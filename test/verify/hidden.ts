/**
 * What no BPF program on this machine can see. Some sandboxes exempt their agent, which is process 1, from BPF: while one
 * of its threads has the CPU nothing runs and nothing counts as missed (docs/kernel-notes.md). perf's own counters are
 * not BPF and count what happened meanwhile, event by event.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { seconds } from '../truth/host.ts';
import { SOFTIRQS } from '../truth/irq-counters.ts';
import { leashed } from '../truth/leftovers.ts';

/** A tracepoint, and which of its events. */
type Event = readonly [tracepoint: string, filter?: string];

const VECTORS: Record<string, string[]> = {
	LOC: ['local_timer'],
	RES: ['reschedule'],
	CAL: ['call_function', 'call_function_single'],
	IWI: ['irq_work'],
};

/** By the labels of /proc/interrupts and /proc/softirqs; `hard` is all lines. */
export const INTERRUPTS: ReadonlyMap<string, readonly Event[]> = new Map<string, readonly Event[]>([
	['hard', [['irq:irq_handler_entry']]],
	...SOFTIRQS.map((name, vec): [string, readonly Event[]] => [name, [['irq:softirq_entry', `vec==${vec}`]]]),
	...(process.arch === 'x64'
		? Object.entries(VECTORS).map(([label, names]): [string, readonly Event[]] => [
				label,
				names.map((name): Event => [`irq_vectors:${name}_entry`]),
			])
		: []),
]);

export const REQUESTS: ReadonlyMap<string, readonly Event[]> = new Map<string, readonly Event[]>([
	['all', [['block:block_rq_complete']]],
	['reads', [['block:block_rq_complete', 'rwbs ~ "*R*"']]],
	['writes', [['block:block_rq_complete', 'rwbs ~ "*W*"']]],
]);

/** Those of one device, `major:minor`: what process 1 does on others hides none of its requests. */
export function requestsOf(dev: string): ReadonlyMap<string, readonly Event[]> {
	const [major = 0, minor = 0] = dev.split(':').map(Number);
	const own = `dev==${major * (1 << 20) + minor}`;
	return new Map(
		Array.from(REQUESTS, ([label, events]) => [
			label,
			events.map(([name, filter]): Event => [name, filter === undefined ? own : `${own} && ${filter}`]),
		]),
	);
}

/**
 * Of a line of `perf stat -x,`: value, unit, event, ns counted, percentage of the time in which it should have counted.
 * Process 1 may sleep all the time. Its counters then had no time, all of which was counted (100 %), and nothing is hidden.
 * A counter that had no turn beside others has 0 %: NaN.
 */
export function countOf(line: string): number {
	const [value, , , counted, percentage] = line.split(',');
	return value === '<not counted>' && counted === '0' && percentage === '100.00' ? 0 : Number(value);
}

/** Counts until it is stopped; the result has the events by label. */
export async function countHidden(
	labels: ReadonlyMap<string, readonly Event[]>,
): Promise<() => Promise<ReadonlyMap<string, number>>> {
	const events = [...labels.values()].flat();
	const options = events.flatMap(([name, filter]) => [
		'-e',
		name,
		...(filter === undefined ? [] : ['--filter', filter]),
	]);
	const child = spawn(...leashed('perf', 'stat', '--no-inherit', '-x,', ...options, '-p', '1'), {
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	const said = text(child.stderr);
	// it says nothing when it has begun
	await seconds(0.3);
	return async () => {
		child.kill('SIGINT');
		if (child.exitCode === null) await once(child, 'exit');
		const lines = (await said).trim().split('\n');
		const counts = lines.map(countOf);
		if (counts.length !== events.length || !counts.every(Number.isFinite))
			throw new Error(`perf stat: ${lines.join('; ')}`);
		return new Map(
			[...labels].map(([label, own]) => [
				label,
				own.reduce((sum, event) => sum + (counts[events.indexOf(event)] as number), 0),
			]),
		);
	};
}
