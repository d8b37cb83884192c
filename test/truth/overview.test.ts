/** The built program's overview on the running kernel: it names who saturates the CPUs, and its figures are the kernel's. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { parsePressure, type Resource } from '../../src/system/pressure.ts';
import { type Line, watch } from './overview-lines.ts';
import { buildWorkloads, schedstat, type Workloads } from './workload.ts';

let workloads: Workloads | undefined;
afterEach(async () => {
	await workloads?.stop();
	workloads = undefined;
});

test('CPUs that are saturated: within ten seconds it names the cause', async () => {
	const loads = buildWorkloads();
	workloads = loads;
	const count = availableParallelism() * 3;
	let hogs: unknown[] = [];
	const saturated = ({ findings }: Line) =>
		findings.some(({ rule, owner }) => rule === 'cpu-saturated' && owner?.comm === 'workload');
	// it starts up before there is a load
	const line = await watch(11, (line) => {
		if (hogs.length > 0) return saturated(line);
		hogs = Array.from({ length: count }, () => loads.start(undefined, 'threads', 1, 60, 0.01, 0));
		return false;
	});
	const finding = line?.findings.find(({ rule }) => rule === 'cpu-saturated');
	expect(finding).toMatchObject({ owner: { comm: 'workload' } });
	// somebody else may run the same test
	expect(finding?.owner?.processes).toBeGreaterThanOrEqual(hogs.length);
	const [owner] = line?.rows.filter(({ pid }) => pid === finding?.owner?.pid) ?? [];
	expect(owner?.comm).toBe('workload');
	expect(finding?.figures['waiting_tasks']).toBeGreaterThan(1);
});

test('CPU time, waits and pressure are what /proc says of the same seconds', async () => {
	const loads = buildWorkloads();
	workloads = loads;
	/** Of one of the loads, which come when the program is up. */
	let pid = 0;
	const stalls = (resource: Resource) => parsePressure(readFileSync(`/proc/pressure/${resource}`, 'utf8')).some_ns;
	// looked at when a line comes, which is later than what it is about
	const seen: { late_ns: number; cpu_ns: number; wait_ns: number; stall_ns: number }[] = [];
	const sums = { cpu_ns: 0, wait_ns: 0, stall_ns: 0 };
	let intervals = 0;
	await watch(7, (line) => {
		if (pid === 0) {
			const hogs = Array.from({ length: availableParallelism() * 2 }, () =>
				loads.start(undefined, 'threads', 1, 60, 0.01, 0),
			);
			pid = hogs[0]?.pid as number;
			return false;
		}
		// the interval in which they came is not asked about
		if (intervals++ === 0) return false;
		// the first line's interval began before the first look
		if (seen.length > 0) {
			const row = line.rows.find((one) => one.pid === pid);
			sums.cpu_ns += row?.cpu_ns ?? 0;
			sums.wait_ns += row?.wait_ns ?? 0;
			sums.stall_ns += line.pressure?.cpu?.some_ns ?? 0;
		}
		const figures = { ...schedstat(pid), stall_ns: stalls('cpu') };
		seen.push({ ...figures, late_ns: Number(process.hrtime.bigint()) - line.mono_ns });
		return false;
	});
	const [first, last] = [seen[0], seen.at(-1)] as [(typeof seen)[0], (typeof seen)[0]];
	for (const field of ['cpu_ns', 'wait_ns', 'stall_ns'] as const) {
		const truth = last[field] - first[field];
		expect(truth, field).toBeGreaterThan(0);
		// nothing runs, waits or stands still for longer than time passes; a wait counts when it ends
		const slack = Math.max(first.late_ns, last.late_ns) + 0.02 * truth + 50e6;
		expect(Math.abs(sums[field] - truth), `${field}: ${sums[field]} of ${truth}`).toBeLessThan(slack);
	}
});
