import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { loadAddon, type PerfCounter } from '../../src/core/native.ts';
import { parseCpuList } from '../../src/system/cpus.ts';
import { probePmu, readEvent } from '../../src/tracers/energy/sources/pmu.ts';
import { makeTree, second, setVendor, type Tree } from './energy-fixtures.ts';

const folder = 'sys/bus/event_source/devices/power';
/** 2^-32 J, in which the kernel counts whatever the processor's own unit is. */
const joule = 2n ** 32n;

function addEvent(
	tree: Tree,
	name: string,
	terms: string,
	scale = '2.3283064365386962890625e-10',
	unit = 'Joules',
): void {
	tree.set(`${folder}/events/${name}`, terms);
	tree.set(`${folder}/events/${name}.scale`, scale);
	tree.set(`${folder}/events/${name}.unit`, unit);
}

/** CPU 0 is in package 0, CPU 18 in package 1. */
function twoSockets(): Tree {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	tree.set(`${folder}/type`, 23);
	tree.set(`${folder}/cpumask`, '0,18');
	tree.set(`${folder}/format/event`, 'config:0-7');
	addEvent(tree, 'energy-pkg', 'event=0x02');
	addEvent(tree, 'energy-ram', 'event=0x03');
	addEvent(tree, 'energy-cores', 'event=0x01');
	for (const [cpu, socket] of [
		[0, 0],
		[18, 1],
	]) {
		tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`, socket as number);
		tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/die_id`, 0);
	}
	return tree;
}

/** FAKE perf: counters that are set by hand, by config and CPU. */
function fakePerf() {
	const counts = new Map<string, { value: bigint; enabledNs: number; runningNs: number }>();
	const opened: string[] = [];
	const open = new Set<string>();
	return {
		opened,
		open,
		set: (config: number, cpu: number, value: bigint, runningNs = 1, enabledNs = runningNs) =>
			counts.set(`${config}@${cpu}`, { value, enabledNs, runningNs }),
		openCounter(type: number, config: number, cpu: number): PerfCounter {
			const key = `${config}@${cpu}`;
			opened.push(`${type}/${key}`);
			open.add(key);
			return {
				read: () => counts.get(key) ?? { value: 0n, enabledNs: 1, runningNs: 1 },
				fd: () => -1,
				close: () => open.delete(key),
			};
		},
	};
}

function systemError(code: string): Error {
	return Object.assign(new Error(code), { code });
}

describe('what sysfs tells of an event', () => {
	test("the kernel's own scale", () => {
		const tree = twoSockets();
		const { config, scale } = readEvent(`${tree.sysRoot}/bus/event_source/devices/power`, 'energy-pkg');
		expect(config).toBe(2);
		expect(scale * Number(joule)).toBeCloseTo(1e6, 6);
	});

	test('terms go where the format puts them', () => {
		const tree = twoSockets();
		tree.set(`${folder}/format/umask`, 'config:8-15');
		addEvent(tree, 'energy-pkg', 'event=0x02,umask=0x1', '1e-3', 'mJ');
		expect(readEvent(`${tree.sysRoot}/bus/event_source/devices/power`, 'energy-pkg')).toEqual({
			config: 0x102,
			scale: 1,
		});
	});

	test.each([
		['event=0x02', 'a lot', 'Joules', /no usable scale/],
		['event=0x02', '1e-9', 'Watts', /no usable scale/],
		['event=0x02', '-1', 'Joules', /no usable scale/],
		['event=0x02,frequency=5', '1e-9', 'Joules', /does not explain/],
	])('%s, scale %s %s is refused', (terms, scale, unit, message) => {
		const tree = twoSockets();
		addEvent(tree, 'energy-pkg', terms, scale, unit);
		expect(() => probePmu({ ...tree, addon: fakePerf() })).toThrow(message);
	});

	test.each([
		['0', [0]],
		['0,18', [0, 18]],
		['0-2,8', [0, 1, 2, 8]],
		['', []],
		['junk,3', [3]],
	])('CPU list "%s"', (text, cpus) => expect(parseCpuList(text)).toEqual(cpus));
});

describe('the PMU as a source', () => {
	test('packages and DRAM of both sockets, cores shown only', () => {
		const tree = twoSockets();
		const perf = fakePerf();
		const source = probePmu({ ...tree, addon: perf });
		expect(perf.opened).toEqual(['23/2@0', '23/2@18', '23/3@0', '23/3@18', '23/1@0', '23/1@18']);
		perf.set(2, 0, 10n * joule);
		perf.set(2, 18, 20n * joule);
		perf.set(3, 0, joule);
		perf.set(3, 18, joule / 2n);
		perf.set(1, 0, 5n * joule);
		perf.set(1, 18, 6n * joule);
		expect(source.read(second)).toEqual({
			measured_uj: 31_500_000,
			domain_uj: [10_000_000, 20_000_000, 1_000_000, 500_000, 5_000_000, 6_000_000],
			package_uj: new Map([
				[0, 11_000_000],
				[1, 20_500_000],
			]),
			marked: [],
			silent: false,
		});
		expect(source.domains.map(({ name }) => name).slice(0, 3)).toEqual(['package-0', 'package-1', 'package-0 dram']);
		expect(source).toMatchObject({ kind: 'pmu', scope: 'CPU packages + DRAM', percent: 5 });
		source.close();
		expect(perf.open.size).toBe(0);
	});

	test('dies of one package have names of their own', () => {
		const tree = twoSockets();
		tree.set('sys/devices/system/cpu/cpu18/topology/physical_package_id', 0);
		tree.set('sys/devices/system/cpu/cpu18/topology/die_id', 1);
		const names = probePmu({ ...tree, addon: fakePerf() }).domains.map(({ name }) => name);
		expect(names.slice(0, 2)).toEqual(['package-0-die-0', 'package-0-die-1']);
	});

	test('an interval that was only partly counted is not passed off as whole', () => {
		const tree = twoSockets();
		const perf = fakePerf();
		const source = probePmu({ ...tree, addon: perf });
		perf.set(2, 0, joule, 600, 1000);
		perf.set(2, 18, joule);
		const reading = source.read(second);
		expect(reading.measured_uj).toBe(1_000_000);
		expect(reading.marked).toContain('package-0: shared the hardware and did not count all the time');
	});

	test('without CAP_PERFMON it reports that, and leaves nothing open', () => {
		const refusing = {
			openCounter: () => {
				throw systemError('EACCES');
			},
		};
		expect(() => probePmu({ ...twoSockets(), addon: refusing })).toThrow(/CAP_PERFMON/);
		const perf = fakePerf();
		let calls = 0;
		const failing = {
			openCounter: (type: number, config: number, cpu: number): PerfCounter => {
				if (++calls === 2) throw systemError('ENODEV');
				return perf.openCounter(type, config, cpu);
			},
		};
		expect(() => probePmu({ ...twoSockets(), addon: failing })).toThrow(/package event/);
		expect(perf.open.size).toBe(0);
	});

	test('a level that this processor lacks is left out', () => {
		const tree = twoSockets();
		tree.remove(`${folder}/events/energy-ram`);
		const source = probePmu({ ...tree, addon: fakePerf() });
		expect(source.scope).toBe('CPU packages');
	});
});

// real perf events of the running kernel: software ones, which every machine has
describe('the addon opens perf events', () => {
	const path = fileURLToPath(new URL('../../build/wattlag.node', import.meta.url));
	const addon = loadAddon(path);
	const software = 1;
	const cpuClock = 0;

	test('a counter counts, knows its times and closes', () => {
		const counter = addon.openCounter(software, cpuClock, 0);
		const first = counter.read();
		const until = performance.now() + 20;
		while (performance.now() < until);
		const next = counter.read();
		expect(next.value > first.value).toBe(true);
		expect(next.enabledNs).toBeGreaterThan(first.enabledNs);
		expect(next.runningNs).toBe(next.enabledNs);
		counter.close();
		counter.close();
		expect(() => counter.read()).toThrow(/closed/);
	});

	test('a thread that ends takes its counters along', async () => {
		const counters = () =>
			readdirSync('/proc/self/fd').filter((fd) => {
				try {
					return readlinkSync(`/proc/self/fd/${fd}`).includes('perf_event');
				} catch {
					return false;
				}
			}).length;
		const code = 'globalThis.held = require(require("node:worker_threads").workerData).openCounter(1, 0, 0);';
		const before = counters();
		await once(new Worker(code, { eval: true, workerData: path }), 'exit');
		expect(counters()).toBe(before);
	});

	test.each([
		['an unknown PMU', [0x7fff_fff0, 0, 0], 'ENOENT'],
		['a CPU that cannot be', [software, cpuClock, 2_000_000], 'EINVAL'],
	] as const)('%s', (_, [type, config, cpu], code) => {
		expect(() => addon.openCounter(type, config, cpu)).toThrow(expect.objectContaining({ code }));
	});

	test.each([
		[-1, 0, 0],
		[1.5, 0, 0],
		[1, 0, -1],
		[2 ** 40, 0, 0],
	])('arguments %d, %d, %d', (type, config, cpu) => {
		expect(() => addon.openCounter(type, config, cpu)).toThrow(TypeError);
	});
});
