/** Findings on the running kernel: each trouble is made, is reported with figures and owner, and its finding ends with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { parsePressure } from '../../src/system/pressure.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { MARK } from '../setup/marked.ts';
import { laidOut } from './fio.ts';
import { onDisk } from './load.ts';
import { smallGroup } from './memory-limit.ts';
import { comesAndGoes } from './overview-lines.ts';
import { onSlowDevice } from './slow-device.ts';
import { buildWorkloads, type Workloads } from './workload.ts';

let loads: Workloads | undefined;
afterEach(async () => {
	await loads?.stop();
	loads = undefined;
});

const hardship = (): Workloads => {
	loads = buildWorkloads(new URL('fixtures/hardship.c', import.meta.url));
	return loads;
};

test('memory pressure: the control group that has too little, and its processes', async () => {
	const { path } = hardship();
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 60);
		const group = smallGroup(40 << 20);
		const child = spawn('sh', ['-c', 'read go; exec "$@"', 'sh', path, 'thrash', file, '60'], {
			stdio: ['pipe', 'ignore', 'inherit'],
		});
		const ended = once(child, 'exit');
		const stalls = () => parsePressure(readFileSync('/proc/pressure/memory', 'utf8')).some_ns;
		try {
			group.add(child.pid as number);
			const before = { stall_ns: stalls(), at: performance.now() };
			child.stdin.end('go\n');
			// the group is known one interval later
			const of = ({ rule, subject, figures }: Finding) =>
				rule === 'pressure' && subject === 'memory pressure' && figures['group_some_share'] !== undefined;
			const { finding, line } = await comesAndGoes(of, () => child.kill('SIGKILL'));
			expect(stalls() - before.stall_ns, 'the kernel says so too').toBeGreaterThan(0.2e9);
			expect(finding.text).toContain(`in ${group.name} `);
			expect(finding.owner).toMatchObject({ comm: 'workload', pid: child.pid });
			expect(finding.figures['group_some_share']).toBeGreaterThan(0.05);
			expect(Date.parse(finding.since)).toBeLessThan(Date.parse(line.time));
			// where the key goes, the owner is to be seen
			expect(finding.link).toMatchObject({ tab: 'overview', filter: `cgroup = ${group.name}` });
			expect(line.rows.filter(({ cgroup }) => cgroup === group.name).map(({ pid }) => pid)).toContain(child.pid);
		} finally {
			child.kill('SIGKILL');
			await ended;
			group.remove();
		}
	});
});

test('stuck IO: a device that holds its requests back, and the process that waits for them', async () => {
	await onSlowDevice(20, async (device, fio) => {
		const options = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=psync', '--thread', '--numjobs=64'];
		const job = fio(...options, '--time_based', '--runtime=60');
		const ended = job.done.catch(() => undefined);
		const end = () => process.kill(job.pid, 'SIGKILL');
		try {
			const is = ({ rule, subject }: Finding) => rule === 'stuck-io' && subject === basename(device);
			const { finding, line } = await comesAndGoes(is, end);
			expect(finding).toMatchObject({ level: 'severe', owner: { comm: 'fio', pid: job.pid } });
			expect(finding.figures['age_ns']).toBeGreaterThan(1e9);
			expect(finding.figures['stuck']).toBeLessThanOrEqual(64);
			expect(Date.parse(finding.since)).toBeLessThan(Date.parse(line.time));
			expect(finding.link).toEqual({ tab: 'io', view: 'in flight', filter: `device = ${basename(device)}` });
		} finally {
			if (existsSync(`/proc/${job.pid}`)) end();
			await ended;
		}
	});
});

/** Deferred work of CPU 1 has most of that CPU on a busy machine too. */
function favourSoftirqs(): () => void {
	const thread = readdirSync('/proc').find(
		(name) =>
			/^\d+$/.test(name) &&
			existsSync(`/proc/${name}/comm`) &&
			/^ksoftirqd\/1$/m.test(readFileSync(`/proc/${name}/comm`, 'utf8')),
	);
	if (thread === undefined) throw new Error('there is no ksoftirqd/1');
	// a process that puts it back when its input ends: however this one ends, and without the mark of the run's others
	const { [MARK]: _, ...env } = process.env;
	const script = `renice -n -19 -p ${thread} && read end; renice -n 0 -p ${thread}`;
	const helper = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], env, detached: true });
	return () => helper.stdin.end();
}

test('late softirqs: behind packets that take long', async () => {
	onTestFinished(favourSoftirqs());
	const { start } = hardship();
	const load = start(undefined, 'delay-softirqs', 120, 60);
	const { finding } = await comesAndGoes(
		// beside much else on that CPU, it takes less than half of it at first
		({ rule, text }) => rule === 'softirq-late' && / NET_RX takes /.test(text),
		() => load.kill('SIGKILL'),
		// the packets are dropped as well: more findings of a higher level than are shown
		...['--without', 'events'],
	);
	expect(finding.text).toMatch(/; NET_RX takes \d+% of cpu1$/);
	expect(finding.figures['late_p99_ns']).toBeGreaterThan(10e6);
	expect(finding.figures['late_max_ns']).toBeGreaterThanOrEqual(finding.figures['late_p99_ns'] as number);
	expect(finding.owner).toBeNull();
	expect(finding.link).toMatchObject({ tab: 'irq', group: 'line', sort: 'late_p99_ns' });
});

test('starving: a real-time task below another one that does not stop', async () => {
	const loop = 'while :; do :; done';
	const start = (policy: string, priority: string) =>
		spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '-c', '1', 'chrt', policy, priority, 'sh', '-c', loop]);
	const hog = start('--fifo', '50');
	let victim: ReturnType<typeof start> | undefined;
	try {
		await vi.waitFor(() => expect(readFileSync(`/proc/${hog.pid}/comm`, 'utf8')).toBe('sh\n'), 10_000);
		const began = performance.now();
		victim = start('--rr', '1');
		const { finding } = await comesAndGoes(
			({ rule, subject }) => rule === 'starving' && subject.endsWith(`[${victim?.pid}]`),
			() => hog.kill('SIGKILL'),
		);
		expect(finding).toMatchObject({ level: 'severe', figures: { cpu: 1 }, owner: { comm: 'sh', pid: hog.pid } });
		expect(finding.figures['age_ns']).toBeGreaterThan(2e9);
		expect(finding.figures['age_ns']).toBeLessThan((performance.now() - began) * 1e6);
		expect(finding.link).toMatchObject({ tab: 'runqlat', group: 'process' });
	} finally {
		hog.kill('SIGKILL');
		victim?.kill('SIGKILL');
	}
});
