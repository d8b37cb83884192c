/** Time in which threads waited for a CPU, without their sleep: user space of bpf/lib/run-delay.bpf.h. */
import type { Host } from '../core/tracer.ts';
import { counted_program, maps, type moved_sleeper, moved_sleepers } from '../generated/lib.ts';
import { viewOf } from '../lib/decode.ts';
import type { Count, Ns } from '../lib/units.ts';
import type { BpfSession } from './bpf-session.ts';
import { delaysDequeues } from './delayed-dequeue.ts';

const HOOKS = ['asleep_moved', 'asleep_woken'];
/** Section of the count of threads whose entry another one took. */
const DISPLACED = '.data.sleepers';

/** Options of {@link openBpf} for an object that includes the header: without its hooks where no dequeue is delayed. */
export function waitedOptions(host: Pick<Host, 'addon'>) {
	const delays = delaysDequeues(host);
	return {
		counted: counted_program,
		without: delays ? [] : HOOKS,
		withoutMaps: delays ? [] : [maps.moved_sleepers.name],
	};
}

/** Threads whose sums have sleep in them, since the object was loaded. */
export function displacedSleepers(session: Pick<BpfSession, 'counter'>): Count {
	return session.counter(DISPLACED);
}

/** What is to be taken out of the kernel's sums, at one moment. */
export class MovedSleepers {
	private readonly entries = new Map<number, moved_sleeper>();

	/** Of a session with {@link waitedOptions}. 100 µs. */
	constructor(session: Pick<BpfSession, 'has' | 'object'>) {
		if (!session.has('asleep_moved')) return;
		const { name, value } = maps.moved_sleepers;
		const bytes = new Uint8Array(value.size * moved_sleepers.MOVED_SLEEPERS);
		session.object.readMapped(name, bytes);
		const view = viewOf(bytes);
		for (let slot = 0; slot < moved_sleepers.MOVED_SLEEPERS; slot++) {
			const entry = value.read(view, slot * value.size);
			if (entry.tid !== 0) this.entries.set(entry.tid, entry);
		}
	}

	/**
	 * Waits of a thread that have ended.
	 * @param run_delay its second figure in /proc/PID/schedstat, at this moment
	 */
	waited(tid: number, run_delay: Ns): Ns {
		const entry = this.entries.get(tid);
		if (!entry) return run_delay;
		return Math.max(0, (entry.asleep !== 0 ? entry.before : run_delay) - entry.void_ns);
	}
}
