/** Part of section `kernel`: what it takes until the programs of each tab run: instructions that the verifier goes through, and CPU time. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { loadTracers, registry } from '../../src/registry.ts';
import { seconds } from '../truth/host.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figures.ts';
import { progress } from './progress.ts';

export const LOADING = {
	instructions: 'instructions that the verifier goes through, all programs',
	time: 'loading and attaching, CPU time',
} as const;

/** Descriptors of the programs that this process holds. */
function programs(): string[] {
	return readdirSync('/proc/self/fd').filter((fd) => {
		try {
			return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:bpf-prog';
		} catch {
			// that of the listing
			return false;
		}
	});
}

/** By the kernel's own count; undefined: this kernel does not state it (before 5.16). */
function verified(fds: readonly string[]): number | undefined {
	const counts = fds.map(
		(fd) => /^verified_insns:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1],
	);
	return counts.includes(undefined) ? undefined : counts.reduce((sum, count) => sum + Number(count), 0);
}

/** CPU time of this process, ms: the verifier runs in the system call that loads. */
function ownTime(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

export async function loading({ host, quick }: Bench): Promise<Figure[]> {
	const tracers = (await loadTracers(registry.map(({ tracer }) => tracer.id))).filter(({ from }) => !from);
	const figures: Figure[] = [];
	for (const [what, unit] of [
		[LOADING.instructions, ''],
		[LOADING.time, 'ms'],
	] as const)
		for (const { id } of tracers) figures.push({ what, contender: `wattlag ${id}`, unit, values: [] });
	const add = (what: string, id: string, value: number | undefined): void => {
		if (value !== undefined)
			figures.find((one) => one.what === what && one.contender === `wattlag ${id}`)?.values.push(value);
	};
	const rounds = quick ? 2 : 5;
	for (let round = 1; round <= rounds; round++) {
		progress(`kernel: loading, round ${round} of ${rounds}`);
		for (const tracer of tracers) {
			const before = new Set(programs());
			const begun = ownTime();
			const session = tracer.start(host, {});
			try {
				add(LOADING.time, tracer.id, ownTime() - begun);
				add(LOADING.instructions, tracer.id, verified(programs().filter((fd) => !before.has(fd))));
			} finally {
				session.close();
			}
			await seconds(0.1);
		}
	}
	return figures.filter(({ values }) => values.length > 0);
}
