/** Threads whose names say that they collect garbage for a runtime. */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';

/**
 * HotSpot: parallel, G1, Z and Shenandoah, and `VM Thread`, in which the serial collector runs. .NET: server and background
 * collector. The kernel keeps 15 bytes of a name. Go collects in threads without names; Java 8 names none.
 */
const NAMES =
	/^(?:GC Thread#|G1 (?:Main Marker|Conc#|Refine#|Young|Service)|VM Thread$|Z(?:Worker|Driver|Director|Stat|Uncommit|GC)|XWorker|Shenandoah|GC task thr|Concurrent Mark|\.NET (?:Server|BGC|SWH|Background) ?GC?)/;

const known = new Map<SafeText, boolean>();

export function collects(comm: SafeText): boolean {
	let answer = known.get(comm);
	if (answer === undefined) {
		if (known.size >= 10_000) known.clear();
		answer = NAMES.test(comm);
		known.set(comm, answer);
	}
	return answer;
}

/** A process in an interval whose runtime collected garbage. */
export interface Collecting {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** CPU time of its collectors, and of all its threads. */
	collector_ns: Ns;
	cpu_ns: Ns;
	/** Collectors that used a CPU. */
	threads: number;
}
