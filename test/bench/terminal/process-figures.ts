/** CPU time and memory of a process tree, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuTime {
	/** All threads, ns. */
	total: number;
	/** The thread the process began with: the one that draws, ns. */
	main: number;
	/** By thread name, ns. */
	threads: Record<string, number>;
}

function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return ''; // it ended meanwhile
	}
}

/** Time on a CPU since the start; exact, unlike the ticks in `stat`. Threads that have ended are not in it. */
export function cpuTime(pid: number): CpuTime {
	const time: CpuTime = { total: 0, main: 0, threads: {} };
	for (const tid of readdirSync(`/proc/${pid}/task`)) {
		const ns = Number(read(`/proc/${pid}/task/${tid}/schedstat`).split(' ')[0]);
		const name = read(`/proc/${pid}/task/${tid}/comm`).trim();
		time.total += ns;
		if (Number(tid) === pid) time.main = ns;
		time.threads[name] = (time.threads[name] ?? 0) + ns;
	}
	return time;
}

/** MB (10⁶ bytes). */
export interface Memory {
	rss: number;
	anon: number;
	/** Pages of files: the binary and its libraries, shared by all processes that run them. */
	file: number;
	/** Resident, shared pages counted in parts. */
	pss: number;
}

export function memory(pid: number): Memory {
	const text = read(`/proc/${pid}/smaps_rollup`);
	const of = (name: string) => (Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]) * 1024) / 1e6;
	const [rss, anon] = [of('Rss'), of('Anonymous')];
	return { rss, anon, file: rss - anon, pss: of('Pss') };
}
