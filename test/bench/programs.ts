/** The BPF programs of the running kernel and what they cost, by its run statistics. */
import { execFileSync } from 'node:child_process';
import { seconds } from '../truth/host.ts';

export interface Program {
	id: number;
	name: string;
	/** While statistics were on; cumulative. */
	run_time_ns?: number;
	run_cnt?: number;
}

export function loadedPrograms(): Program[] {
	const text = execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
	return JSON.parse(text) as Program[];
}

/** Start something and tell the programs that came with it: nothing else may load any meanwhile. */
export async function withPrograms<T>(start: () => Promise<T>): Promise<{ started: T; ids: Set<number> }> {
	const before = new Set(loadedPrograms().map(({ id }) => id));
	const started = await start();
	return { started, ids: new Set(loadedPrograms().flatMap(({ id }) => (before.has(id) ? [] : [id]))) };
}

/** Wait until programs have come that were not there before, all of them. */
export async function untilLoaded(before: ReadonlySet<number>): Promise<void> {
	for (let [tries, last] = [0, 0]; tries < 50; tries++) {
		await seconds(0.15);
		const now = loadedPrograms().filter(({ id }) => !before.has(id)).length;
		if (now > 0 && now === last) return;
		last = now;
	}
	throw new Error('no BPF program was loaded within seven seconds');
}

export interface Runs {
	name: string;
	runs: number;
	ns: number;
}

/** What these programs did in the next `length` seconds. */
export async function runsOf(
	ids: ReadonlySet<number>,
	statistics: () => { close(): void },
	length: number,
): Promise<Runs[]> {
	const before = new Map(loadedPrograms().map((program) => [program.id, program]));
	const on = statistics();
	await seconds(length);
	on.close();
	return loadedPrograms()
		.filter(({ id }) => ids.has(id))
		.map(({ id, name, run_cnt = 0, run_time_ns = 0 }) => ({
			name,
			runs: run_cnt - (before.get(id)?.run_cnt ?? 0),
			ns: run_time_ns - (before.get(id)?.run_time_ns ?? 0),
		}));
}
