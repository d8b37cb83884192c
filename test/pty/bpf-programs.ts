/** BPF programs of a process, and those in the kernel. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, vi } from 'vitest';

/** Kernel's id of each BPF program that a process holds. */
export function programsOf(pid: number): number[] {
	return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
		const id = /^prog_id:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
		return id === undefined ? [] : [Number(id)];
	});
}

/** Ids of all BPF programs in the kernel. */
function loadedPrograms(): number[] {
	const env = { PATH: '/usr/sbin:/usr/bin' };
	const programs = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8', env })) as {
		id: number;
	}[];
	return programs.map((program) => program.id);
}

/** The kernel frees programs a moment after their last user is gone. */
export async function expectUnloaded(programs: readonly number[]): Promise<void> {
	expect(programs.length).toBeGreaterThan(0);
	await vi.waitFor(() => expect(loadedPrograms().filter((id) => programs.includes(id))).toEqual([]), 30_000);
}
