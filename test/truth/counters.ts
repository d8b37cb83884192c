/**
 * Counters of ours against counters of the kernel. The two cannot be read at the same instant, so the kernel's are read
 * right before and right after ours: what happened between our two reads lies between the bounds these four give,
 * whatever else the machine does. Nothing but the stated tolerance comes on top.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type Counters = Map<string, number>;

/** Ours (totals since start), and the kernel's right before and right after. */
export interface Sample {
	before: Counters;
	ours: Counters;
	after: Counters;
	/** CLOCK_MONOTONIC, ns. */
	at: number;
	/** CPU time of the machine's first process until then, ns. */
	init: number;
}

export function sample(kernel: () => Counters, ours: () => Counters): Sample {
	const before = kernel();
	return { before, ours: ours(), after: kernel(), at: Number(process.hrtime.bigint()), init: cpuTimeOfInit() };
}

function cpuTimeOfInit(): number {
	let sum = 0;
	for (const thread of readdirSync('/proc/1/task')) {
		try {
			sum += Number(readFileSync(`/proc/1/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
		} catch {
			// a thread may end meanwhile
		}
	}
	return sum;
}

/**
 * Share of interrupts that may be hidden from BPF programs, whatever they do: in some sandboxes, process 1 is the
 * sandbox's own agent, and no BPF program runs while one of its threads has the CPU. Interrupts come in bursts, hence
 * the factor. On other machines process 1 does next to nothing, and so does this.
 */
export function hiddenShare(from: Sample, to: Sample): number {
	return (3 * Math.max(0, to.init - from.init)) / (to.at - from.at);
}

function total(counters: Counters, keys: readonly string[]): number {
	return keys.reduce((sum, key) => sum + (counters.get(key) ?? 0), 0);
}

/** What we and the kernel counted between two samples, `keys` added up. */
export function between(
	from: Sample,
	to: Sample,
	...keys: string[]
): { ours: number; least: number; most: number; text: string } {
	const ours = total(to.ours, keys) - total(from.ours, keys);
	const least = Math.max(0, total(to.before, keys) - total(from.after, keys));
	const most = total(to.after, keys) - total(from.before, keys);
	return { ours, least, most, text: `${keys.join('+')}: ours ${ours}, the kernel's ${least}..${most}` };
}

/** What the kernel counted at least between two samples. */
export function happened(from: Sample, to: Sample, key: string): number {
	return between(from, to, key).least;
}
