/** The small parts that the energy tracer is made of. Trees are FIXTURES: no figure in them was measured. */
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../src/commands/slices/rate-limit.ts';
import { sparkline } from '../../src/lib/format.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { cgroupName } from '../../src/system/cgroup-name.ts';
import { Users } from '../../src/system/users.ts';
import { Accounts, HISTORY } from '../../src/tracers/energy/accounts.ts';
import type { ProcessInfo, TaskInfo } from '../../src/tracers/energy/cpu/cpu-use.ts';
import { irqByPackage, KernelIrqTime } from '../../src/tracers/energy/cpu/irq-time.ts';
import { GRACE } from '../../src/tracers/energy/cpu/thread-use.ts';
import { IoCount } from '../../src/tracers/energy/io-count.ts';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { IdleBaseline } from '../../src/tracers/energy/power/idle.ts';
import { counterPower, modelPower } from '../../src/tracers/energy/power/power.ts';
import { probeRapl } from '../../src/tracers/energy/sources/rapl.ts';
import { addZone, makeTree, second, setEnergy, setVendor, type Tree } from './energy-fixtures.ts';

describe('names of control groups', () => {
	const id = '0123456789ab'.padEnd(64, 'f');
	test.each([
		[`/system.slice/docker-${id}.scope`, 'docker 0123456789ab'],
		[`/docker/${id}`, 'docker 0123456789ab'],
		[
			`/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11112222_3333_4444_5555_666677778888.slice/cri-containerd-${id}.scope`,
			'pod 11112222 containerd 0123456789ab',
		],
		[`/kubepods/besteffort/pod11112222-3333-4444-5555-666677778888/${id}`, 'pod 11112222 container 0123456789ab'],
		['/kubepods/besteffort/pod11112222-3333-4444-5555-666677778888', 'pod 11112222'],
		[`/machine.slice/libpod-${id}.scope`, 'podman 0123456789ab'],
		['/lxc.payload.web', 'lxc web'],
		['/system.slice/ssh.service', 'ssh.service'],
		['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service'],
		['/system.slice/dev-disk\\x2dby.mount', 'dev-disk-by.mount'],
		['/user.slice/user-1000.slice/session-2.scope', 'user 1000 session-2.scope'],
		['/user.slice/user-1000.slice/user@1000.service/app.slice/app-term.scope', 'user 1000 app-term.scope'],
		['/', '/'],
		['/my/own/group', '/my/own/group'],
		['#1234', '#1234'],
	])('%s', (path, name) => {
		expect(cgroupName(sanitize(path))).toBe(name);
	});
});

test('a sparkline is as wide as asked for, the newest on the right, gaps are dots', () => {
	expect(sparkline([], 4)).toBe('    ');
	expect(sparkline([0, 1, 8], 4)).toBe('  ▁█');
	expect(sparkline([5, Number.NaN, 5, 0.001], 3)).toBe('·█▁');
});

test('events beyond the rate are counted, and reported once', () => {
	const limit = new RateLimit(2);
	expect([1, 2, 3, 4].map((ms) => limit.admits(ms * 1e6))).toEqual([true, true, false, false]);
	expect([limit.take(), limit.take()]).toEqual([2, 0]);
	expect(limit.admits(second + 1)).toBe(true);
});

describe('idle baseline of a counter', () => {
	test('an idle interval shows it, busy ones do not move it far', () => {
		const baseline = new IdleBaseline(0.2);
		expect(baseline.update(10, 0)).toBeCloseTo(10);
		for (let i = 0; i < 100; i++) baseline.update(70, 1);
		expect(baseline.update(70, 1)).toBeGreaterThan(9);
		expect(baseline.update(70, 1)).toBeLessThan(15);
	});

	test('busy from the start: the assumed part; never more than the measured energy', () => {
		expect(new IdleBaseline(0.2).update(50, 1)).toBeCloseTo(10);
		const baseline = new IdleBaseline(0.2);
		baseline.update(40, 0);
		expect(baseline.update(5, 0.5)).toBe(5);
	});
});

function addCpu(tree: Tree, cpu: number, number: number, khz?: [now: number, most: number]): void {
	const folder = `sys/devices/system/cpu/cpu${cpu}`;
	tree.set(`${folder}/topology/physical_package_id`, number);
	if (!khz) return;
	tree.set(`${folder}/cpufreq/scaling_cur_freq`, khz[0]);
	tree.set(`${folder}/cpufreq/cpuinfo_max_freq`, khz[1]);
}

describe('processors', () => {
	test('packages and frequencies: time on a slow CPU weighs less', () => {
		const tree = makeTree();
		tree.set('sys/devices/system/cpu/online', '0-3');
		for (const cpu of [0, 1]) addCpu(tree, cpu, 0, [4_000_000, 4_000_000]);
		for (const cpu of [2, 3]) addCpu(tree, cpu, 1, [1_000_000, 4_000_000]);
		const processors = new Processors(tree.sysRoot, 2, 8);
		expect(processors.packages).toEqual([0, 1]);
		expect(processors.cpus).toEqual([2, 2]);
		expect([0, 1, 2, 3].map((cpu) => processors.packageOf(cpu))).toEqual([0, 0, 1, 1]);
		expect([0, 2].map((cpu) => processors.speedOf(cpu))).toEqual([1, 1 / 16]);
		expect(processors.frequency_ghz).toBeCloseTo(2.5);
		tree.set('sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq', 2_000_000);
		processors.tick();
		expect(processors.speedOf(2)).toBe(1 / 4);
		// less known: more error
		expect(processors.exponentError).toBeGreaterThan(0);
	});

	test('no facts: one package, everything weighs the same', () => {
		const processors = new Processors(makeTree().sysRoot, 2, 4);
		expect(processors.cpus).toEqual([4]);
		expect([processors.packageOf(3), processors.speedOf(3), processors.frequency_ghz]).toEqual([0, 1, undefined]);
		const power = modelPower({ tdp: 20, idleShare: 0.25, cpus: 4 }, processors);
		const reading = power.read(second, [4 * second]);
		expect(reading.packages.at(-1)).toEqual({ measured_uj: 20e6, idle_uj: 5e6 });
		expect(reading.uncertainty).toContain('±35 %');
	});
});

test('counter power: packages apart, psys not in the sum, a silent interval is a gap', () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	tree.set('sys/devices/system/cpu/online', '0-3');
	for (const [cpu, number] of [0, 0, 1, 1].entries()) addCpu(tree, cpu, number);
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	addZone(tree, 'intel-rapl:1', 'package-1', 5_000_000);
	addZone(tree, 'intel-rapl:2', 'psys', 9_000_000);
	const power = counterPower(probeRapl(tree), new Processors(tree.sysRoot, 2, 4), 0.2);
	setEnergy(tree, 'intel-rapl:0', 11_000_000);
	setEnergy(tree, 'intel-rapl:1', 45_000_000);
	setEnergy(tree, 'intel-rapl:2', 99_000_000);
	const reading = power.read(second, [0, 2 * second]);
	expect(reading.known).toBe(true);
	expect(reading.packages).toEqual([
		{ measured_uj: 10e6, idle_uj: 10e6 },
		{ measured_uj: 40e6, idle_uj: 8e6 },
		{ measured_uj: 0, idle_uj: 0 },
	]);
	expect(reading.domains.map(({ name, counted, energy_uj }) => [name, counted, energy_uj])).toEqual([
		['package-0', true, 10e6],
		['package-1', true, 40e6],
		['psys', false, 90e6],
	]);
	for (const zone of ['intel-rapl:0', 'intel-rapl:1', 'intel-rapl:2']) setEnergy(tree, zone, 'garbage');
	const gap = power.read(second, [0, 0]);
	expect(gap.known).toBe(false);
	expect(gap.marked.length).toBeGreaterThan(1);
});

test('counter power: memory apart from its packages where it is divided by other means', () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	tree.set('sys/devices/system/cpu/online', '0-3');
	for (const [cpu, number] of [0, 0, 1, 1].entries()) addCpu(tree, cpu, number);
	for (const socket of [0, 1]) {
		addZone(tree, `intel-rapl:${socket}`, `package-${socket}`, 1_000_000);
		addZone(tree, `intel-rapl:${socket}:0`, 'dram', 1_000_000);
	}
	const [source, beside] = [probeRapl(tree), probeRapl(tree)];
	const processors = new Processors(tree.sysRoot, 2, 4);
	const [together, apart] = [false, true].map((memory) =>
		counterPower(memory ? source : beside, processors, 0.2, memory),
	);
	setEnergy(tree, 'intel-rapl:0', 11_000_000);
	setEnergy(tree, 'intel-rapl:0:0', 3_000_000);
	setEnergy(tree, 'intel-rapl:1', 41_000_000);
	setEnergy(tree, 'intel-rapl:1:0', 6_000_000);
	const work = [0, 2 * second];
	expect(together?.read(second, work).packages.map(({ measured_uj }) => measured_uj)).toEqual([12e6, 45e6, 0]);
	const reading = apart?.read(second, work);
	expect(reading?.packages.map(({ measured_uj }) => measured_uj)).toEqual([10e6, 40e6, 0]);
	// idle is a fifth of full power, the CPUs are half busy: 7 W = idle + 4 idle × ½
	expect(reading?.memory).toEqual({ measured_uj: 7e6, idle_uj: Math.round(7e6 / 3) });
});

test('interrupt time and requests are differences; what cannot be read is none', () => {
	const tree = makeTree();
	tree.set('proc/stat', 'cpu  10 0 10 100 5 7 3 0 0 0\ncpu0 5 0 5 50 5 3 2 0 0 0\ncpu12 5 0 5 50 0 4 1 0 0 0\nintr 5');
	tree.set('proc/diskstats', ' 254 0 vda 100 0 0 0 50 0 0 0 0 0 0');
	const irq = new KernelIrqTime(tree.procRoot);
	const io = new IoCount(tree.procRoot);
	tree.set('proc/stat', 'cpu  10 0 10 100 5 9 4 0 0 0\ncpu0 5 0 5 50 5 4 2 0 0 0\ncpu12 5 0 5 50 0 5 2 0 0 0\nintr 5');
	tree.set('proc/diskstats', ' 254 0 vda 120 0 0 0 55 0 0 0 0 0 0');
	const times = irq.read();
	expect([...times]).toEqual([
		[0, 10e6],
		[12, 20e6],
	]);
	const placement = { packageOf: (cpu: number) => (cpu < 8 ? 0 : 1), speedOf: (cpu: number) => (cpu < 8 ? 1 : 0.5) };
	expect(irqByPackage(times, placement)).toEqual({
		irq: [
			{ work: 10e6, packageIndex: 0 },
			{ work: 10e6, packageIndex: 1 },
		],
		irq_ns: 30e6,
	});
	expect(io.read()).toBe(25);
	tree.remove('proc/stat');
	tree.remove('proc/diskstats');
	expect([irq.read().size, io.read()]).toEqual([0, undefined]);
});

test('users by name, by number, or unknown', () => {
	const tree = makeTree();
	tree.set('proc/passwd', 'root:x:0:0::/root:/bin/sh\nevil\u001b[2J:x:7:7::/:\nbroken');
	const users = new Users(`${tree.procRoot}/passwd`);
	expect([0, 7, 1000, -1].map((uid) => users.name(uid))).toEqual(['root', 'evil^[[2J', '1000', '?']);
});

describe('accounts', () => {
	const process = (pid: number, comm: string, uid = 0, threads = 1): ProcessInfo => ({
		pid,
		start: pid * second,
		comm: sanitize(comm),
		cgroup: sanitize(pid % 2 ? '/odd' : '/even'),
		uid,
		threads,
	});
	const thread = (owner: ProcessInfo, tid: number): TaskInfo => ({
		process: owner,
		tid,
		start: tid * second,
		comm: owner.comm,
		alive: true,
	});

	test('every grouping adds up to the same, and totals do not depend on what was displayed', () => {
		const accounts = new Accounts();
		const owners = [process(1, 'a', 0, 2), process(2, 'b', 5), process(3, 'a', 5)];
		const [one, two, three] = owners as [ProcessInfo, ProcessInfo, ProcessInfo];
		const threads = [thread(one, 1), thread(one, 11), thread(two, 2), thread(three, 3)];
		for (let round = 1; round <= 3; round++) {
			accounts.begin(second);
			for (const [index, task] of threads.entries()) accounts.charge(task, 10 * (index + 1), index + 1);
			const groups = ['process', 'thread', 'cgroup', 'user', 'command'] as const;
			const kind = groups[round % groups.length] as (typeof groups)[number];
			const list = accounts.list(
				kind,
				owners,
				() => threads,
				({ energy_uj }) => energy_uj,
			);
			expect(list.reduce((sum, account) => sum + account.energy_uj, 0)).toBe(10);
			expect(list.reduce((sum, account) => sum + account.energy_uj_total, 0)).toBe(10 * round);
		}
		accounts.begin(second);
		const commands = accounts.list(
			'command',
			owners,
			() => threads,
			({ energy_uj }) => energy_uj,
		);
		expect(
			commands.map(({ energy_uj_total, processes, threads: alive }) => [energy_uj_total, processes, alive]),
		).toEqual([
			[21, 2, 3],
			[9, 1, 1],
		]);
	});

	test('the total of an idle process outlives any time in another view; that of a dead one goes', () => {
		const accounts = new Accounts();
		const alive = process(1, 'a');
		const dead = { ...process(2, 'b'), threads: 0 };
		accounts.begin(second);
		for (const owner of [alive, dead]) accounts.charge(thread(owner, owner.pid), 1, 7);
		for (let i = 0; i < 100; i++) {
			accounts.begin(second);
			accounts.list(
				'user',
				[alive],
				() => [],
				() => 0,
			);
		}
		const list = accounts.list(
			'process',
			[alive, dead],
			() => [],
			() => 0,
		);
		expect(list.map(({ energy_uj_total }) => energy_uj_total)).toEqual([7, 0]);
	});

	test('news: accounts that were charged, changed or have a history; ended ones only with their last charge', () => {
		const accounts = new Accounts();
		const [one, two, three] = [process(1, 'a'), process(2, 'b'), process(3, 'c')];
		const told = (changed: ProcessInfo[]) =>
			Array.from(
				accounts.news(changed, ({ energy_uj }) => energy_uj),
				({ task, energy_uj, threads }) => [task.process.pid, energy_uj, threads],
			);
		accounts.begin(second);
		accounts.charge(thread(one, 1), 1, 7);
		expect(told([one, two])).toEqual([
			[1, 7, 1],
			[2, 0, 1],
		]);
		accounts.begin(second);
		// its history has not gone yet
		expect(told([three])).toEqual([
			[1, 0, 1],
			[3, 0, 1],
		]);
		Object.assign(one, { threads: 0 });
		accounts.begin(second);
		expect(told([one])).toEqual([[1, 0, 0]]);
		accounts.begin(second);
		expect(told([])).toEqual([]);
		accounts.begin(second);
		accounts.charge(thread(one, 1), 1, 2);
		expect(told([])).toEqual([[1, 2, 0]]);
	});

	test('of processes that end in thousands a second, only those of the last seconds are kept', () => {
		const accounts = new Accounts();
		const rate = 500;
		const kept: number[] = [];
		for (let i = 1; i <= 40; i++) {
			accounts.begin(second);
			const born = Array.from({ length: rate }, (_, n) => process(i * rate + n, 'short'));
			for (const owner of born) {
				accounts.charge(Object.assign(thread(owner, owner.pid), { alive: false }), 1, 1);
				Object.assign(owner, { threads: 0 });
			}
			const news = [...accounts.news(born, ({ energy_uj }) => energy_uj)];
			// their last figures are reported
			expect(news.reduce((sum, account) => sum + account.energy_uj, 0)).toBe(rate);
			kept.push(accounts.size);
		}
		// each has an account as a process and one as a thread; the groups stay
		const most = 2 * rate * (2 + (2 * GRACE) / second) + 10;
		expect(Math.max(...kept)).toBeLessThanOrEqual(most);
		expect(kept.at(-1)).toBe(kept.at(-10));
	});

	test('a flood of processes that end is bounded by number', () => {
		const accounts = new Accounts();
		for (let i = 0; i < 4; i++) {
			accounts.begin(second);
			for (let n = 0; n < 12_000; n++) {
				const owner = { ...process(i * 12_000 + n + 1, 'short'), threads: 0 };
				accounts.charge(Object.assign(thread(owner, owner.pid), { alive: false }), 1, 1);
			}
			for (const _ of accounts.news([], () => 0));
		}
		// those of the last two intervals, which are not idle yet, and 20,000
		expect(accounts.size).toBeLessThanOrEqual(2 * 2 * 12_000 + 20_000 + 10);
	});

	test('a record that comes late, after its process has ended, adds to the same total', () => {
		const accounts = new Accounts();
		const owner = process(1, 'a');
		const totals: number[] = [];
		for (const charged of [2, 0, 3, 0, 0]) {
			accounts.begin(second);
			if (charged > 0) accounts.charge(thread(owner, 1), 1, charged);
			Object.assign(owner, { threads: 0 });
			for (const account of accounts.news([], ({ energy_uj }) => energy_uj)) totals.push(account.energy_uj_total);
		}
		expect(totals).toEqual([2, 5]);
	});

	test('energy of GPUs and devices is charged to one task of its process, however often', () => {
		const accounts = new Accounts();
		const owner = process(1, 'a');
		for (let i = 1; i <= 20; i++) {
			accounts.begin(second);
			accounts.chargeDevice(owner, 2);
			accounts.chargeGpu(owner, 3);
		}
		const [thread] = accounts.list(
			'thread',
			[owner],
			() => [],
			() => 0,
		);
		expect(thread).toMatchObject({ device_uj: 2, device_uj_total: 40, gpu_uj_total: 60 });
		expect(accounts.size).toBe(5);
	});

	test('history: the last intervals, nothing for those at rest', () => {
		const accounts = new Accounts();
		const owner = process(1, 'a');
		let list = accounts.list(
			'process',
			[owner],
			() => [],
			() => 0,
		);
		for (let i = 1; i <= HISTORY + 3; i++) {
			accounts.begin(second);
			accounts.charge(thread(owner, 1), 1, i);
			list = accounts.list(
				'process',
				[owner],
				() => [],
				({ energy_uj }) => energy_uj,
			);
		}
		expect(list[0]?.history).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
		for (let i = 0; i < HISTORY; i++) {
			accounts.begin(second);
			list = accounts.list(
				'process',
				[owner],
				() => [],
				({ energy_uj }) => energy_uj,
			);
		}
		expect(list[0]?.history).toEqual([]);
	});
});
