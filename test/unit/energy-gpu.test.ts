import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadAddon } from '../../src/core/native.ts';
import { safe } from '../../src/lib/sanitize.ts';
import { parseFdinfo } from '../../src/tracers/energy/gpu/fdinfo.ts';
import { shareGpuEnergy } from '../../src/tracers/energy/gpu/gpu.ts';
import { openGpus } from '../../src/tracers/energy/gpu/open.ts';
import { makeTree, second, type Tree } from './energy-fixtures.ts';

const addonPath = fileURLToPath(new URL('../../build/wattlag.node', import.meta.url));
const addon = loadAddon(addonPath);

/** Build the fake library; it answers what `say` was given last. */
function fakeNvml(tree: Tree, ...flags: string[]) {
	const folder = dirname(tree.sysRoot);
	const [library, state, log] = ['libfake-nvml.so', 'state', 'log'].map((name) => join(folder, name)) as [
		string,
		string,
		string,
	];
	const source = fileURLToPath(new URL('fixtures/fake-nvml.c', import.meta.url));
	execFileSync('clang', ['-shared', '-fPIC', `-DSTATE="${state}"`, `-DLOG="${log}"`, ...flags, source, '-o', library]);
	return {
		library,
		say: (...lines: string[]) => writeFileSync(state, `${lines.join('\n')}\n`),
		log: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
	};
}

function openFake(tree: Tree, nvmlLibrary: string) {
	const gpus = openGpus({ ...tree, addon, nvmlLibrary });
	onTestFinished(() => {
		for (const reader of gpus.readers) reader.close();
	});
	return gpus;
}

describe('NVIDIA, against a fake library through the real addon', () => {
	test('energy and processes of two GPUs', () => {
		const tree = makeTree();
		const fake = fakeNvml(tree);
		fake.say('gpu 1000 50000 Fake A100', 'gpu 2000 60000 Fake T4\u001b[2J', 'sample 0 77 500 90');
		const { readers, absent } = openFake(tree, fake.library);
		expect(absent.map(({ kind }) => kind)).toEqual(['drm']);
		const [reader] = readers;
		fake.say('gpu 1250 50000 Fake A100', 'gpu 2010 60000 Fake T4', 'sample 0 77 900 40', 'sample 0 78 910 20');
		expect(reader?.read(second)).toEqual([
			{
				name: 'Fake A100',
				energy_uj: 250_000,
				processes: [
					{ pid: 77, busy_ns: 0.4 * second },
					{ pid: 78, busy_ns: 0.2 * second },
				],
				marked: [],
			},
			{ name: 'Fake T4^[[2J', energy_uj: 10_000, processes: [], marked: [] },
		]);
		reader?.close();
		reader?.close();
		expect(fake.log()).toEqual(['init', 'shutdown']);
	});

	test('old samples and garbage of the driver are left out', () => {
		const tree = makeTree();
		const fake = fakeNvml(tree);
		fake.say('gpu 0 0 A', 'sample 0 77 500 90');
		const { readers } = openFake(tree, fake.library);
		fake.say('gpu 0 0 A', 'sample 0 77 500 90', 'sample 0 78 600 1729000', 'sample 0 0 700 5', 'sample 0 79 800 10');
		expect(readers[0]?.read(second)[0]?.processes).toEqual([{ pid: 79, busy_ns: 0.1 * second }]);
	});

	test('a GPU without an energy counter: power over time', () => {
		const tree = makeTree();
		const fake = fakeNvml(tree, '-DNO_ENERGY', '-DNO_UTILIZATION');
		fake.say('gpu 0 10000 Old');
		const { readers } = openFake(tree, fake.library);
		fake.say('gpu 0 30000 Old');
		expect(readers[0]?.read(second)).toEqual([{ name: 'Old', energy_uj: 20_000_000, processes: null, marked: [] }]);
	});

	test('a GPU that falls off the bus', () => {
		const tree = makeTree();
		const fake = fakeNvml(tree);
		fake.say('gpu 1000 1 A');
		const { readers } = openFake(tree, fake.library);
		fake.say('gpu -1 1 A');
		expect(readers[0]?.read(second)[0]).toMatchObject({ energy_uj: null, marked: ['A: the GPU does not answer'] });
	});

	test('a library without a driver, without GPUs, or none: nothing to show', () => {
		const tree = makeTree();
		const noDriver = fakeNvml(tree, '-DNO_DRIVER');
		expect(openFake(tree, noDriver.library)).toMatchObject({
			readers: [],
			absent: [{ reason: expect.stringMatching(/Driver Not Loaded/) }, {}],
		});
		const empty = makeTree();
		const noGpu = fakeNvml(empty);
		expect(openFake(empty, noGpu.library).absent[0]).toEqual({ kind: 'nvml', reason: 'no such GPU' });
		expect(noGpu.log()).toEqual(['init', 'shutdown']);
		expect(openFake(tree, '/nonexistent/libnvidia-ml.so.1').absent[0]?.reason).toMatch(/cannot open shared object/);
	});

	test('a thread that ends shuts the library down', async () => {
		const tree = makeTree();
		const fake = fakeNvml(tree);
		fake.say('gpu 0 0 A');
		const code =
			'const { path, library } = require("node:worker_threads").workerData; globalThis.held = require(path).openNvml(library);';
		const worker = new Worker(code, { eval: true, workerData: { path: addonPath, library: fake.library } });
		await once(worker, 'exit');
		expect(fake.log()).toEqual(['init', 'shutdown']);
	});

	test('a closed library answers nothing', () => {
		const tree = makeTree();
		const fake = fakeNvml(tree);
		fake.say('gpu 0 0 A');
		const nvml = addon.openNvml(fake.library);
		expect(() => nvml.samples(1, 0)).toThrow(TypeError);
		nvml.close();
		expect(() => nvml.devices()).toThrow(/closed/);
		expect(() => nvml.samples(0, 0)).toThrow(/closed/);
	});
});

describe('fdinfo', () => {
	test('engines in ns', () => {
		expect(
			parseFdinfo(
				'pos:\t0\nflags:\t02100002\ndrm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\ndrm-client-id:\t7\ndrm-engine-render:\t9000 ns\ndrm-engine-video:\t500 ns\ndrm-engine-capacity-video:\t2\n',
			),
		).toEqual({ driver: 'i915', device: '0000:00:02.0', id: '7', busy_ns: 9500, cycles: new Map() });
	});

	test('engines in cycles', () => {
		expect(parseFdinfo('drm-driver: xe\ndrm-client-id: 3\ndrm-cycles-rcs: 250\ndrm-total-cycles-rcs: 1000\n')).toEqual({
			driver: 'xe',
			device: 'xe',
			id: '3',
			busy_ns: 0,
			cycles: new Map([['rcs', { busy: 250, total: 1000 }]]),
		});
	});

	test('busy time in both units, ns and cycles, counts once', () => {
		const both =
			'drm-driver: panfrost\ndrm-client-id: 3\ndrm-engine-fragment: 70 ns\ndrm-cycles-fragment: 250\ndrm-total-cycles-fragment: 1000\n';
		expect(parseFdinfo(both)).toMatchObject({ busy_ns: 70, cycles: new Map() });
	});

	test.each(['', 'pos:\t0\nflags:\t02\n', 'drm-driver: old\n'])('"%s" is of no client', (text) => {
		expect(parseFdinfo(text)).toBeNull();
	});
});

const pci = '0000:03:00.0';

function addCard(tree: Tree, driver: string): void {
	tree.set(`sys/bus/pci/drivers/${driver}/bind`, '');
	tree.set(`sys/devices/${pci}/vendor`, '0x1002');
	tree.link(`sys/devices/${pci}/driver`, `../../bus/pci/drivers/${driver}`);
	tree.link('sys/class/drm/card0/device', `../../../devices/${pci}`);
}

function addFile(tree: Tree, pid: number, fd: number, target: string, lines: readonly string[] = []): void {
	tree.link(`proc/${pid}/fd/${fd}`, target);
	tree.set(`proc/${pid}/fdinfo/${fd}`, ['pos:\t0', ...lines].join('\n'));
}

function addClient(tree: Tree, pid: number, fd: number, id: number, ns: number): void {
	addFile(tree, pid, fd, '/dev/dri/renderD128', usage(id, ns));
}

const usage = (id: number, ns: number): string[] => [
	'drm-driver:\tamdgpu',
	`drm-client-id:\t${id}`,
	`drm-pdev:\t${pci}`,
	`drm-engine-gfx:\t${ns} ns`,
];

function use(tree: Tree, pid: number, fd: number, id: number, ns: number): void {
	tree.set(`proc/${pid}/fdinfo/${fd}`, usage(id, ns).join('\n'));
}

const openCards = (tree: Tree) => openGpus({ ...tree, addon: null }).readers;

describe('DRM, in fixture trees', () => {
	test('busy time per process, shared files once, and the card energy', () => {
		const tree = makeTree();
		addCard(tree, 'amdgpu');
		tree.set(`sys/devices/${pci}/hwmon/hwmon5/name`, 'amdgpu');
		tree.set(`sys/devices/${pci}/hwmon/hwmon5/power1_average`, 20_000_000);
		addFile(tree, 100, 3, 'socket:[7]');
		addClient(tree, 100, 4, 1, 1000);
		addClient(tree, 100, 5, 1, 1000);
		addClient(tree, 101, 9, 1, 1000);
		addClient(tree, 102, 3, 2, 5000);
		tree.set('proc/meminfo', 'no process');
		const [reader] = openCards(tree);
		use(tree, 100, 4, 1, 1700);
		use(tree, 102, 3, 2, 5050);
		expect(reader?.read(second)).toEqual([
			{
				name: `amdgpu ${pci}`,
				energy_uj: 20_000_000,
				processes: [
					{ pid: 100, busy_ns: 700 },
					{ pid: 102, busy_ns: 50 },
				],
				marked: [],
			},
		]);
	});

	test('a new process, and a new file of an old one, count from their beginning', () => {
		const tree = makeTree();
		addCard(tree, 'amdgpu');
		addClient(tree, 100, 4, 1, 1000);
		const [reader] = openCards(tree);
		addClient(tree, 100, 5, 2, 300);
		addClient(tree, 200, 3, 3, 40);
		expect(reader?.read(second)[0]?.processes).toEqual([
			{ pid: 100, busy_ns: 300 },
			{ pid: 200, busy_ns: 40 },
		]);
		expect(reader?.read(second)[0]?.processes).toEqual([]);
	});

	test('processes that end, and counters that go back, take nothing along', () => {
		const tree = makeTree();
		addCard(tree, 'amdgpu');
		addClient(tree, 100, 4, 1, 1000);
		addClient(tree, 101, 4, 2, 1000);
		const [reader] = openCards(tree);
		tree.remove('proc/100');
		use(tree, 101, 4, 2, 10);
		expect(reader?.read(second)[0]?.processes).toEqual([]);
	});

	test('cycles are a part of the interval', () => {
		const tree = makeTree();
		addCard(tree, 'xe');
		const lines = (busy: number, total: number): string[] => [
			'drm-driver:\txe',
			'drm-client-id:\t1',
			`drm-pdev:\t${pci}`,
			`drm-cycles-rcs:\t${busy}`,
			`drm-total-cycles-rcs:\t${total}`,
		];
		addFile(tree, 100, 4, '/dev/dri/renderD128', lines(100, 1000));
		const [reader] = openCards(tree);
		tree.set('proc/100/fdinfo/4', lines(350, 2000).join('\n'));
		expect(reader?.read(2 * second)[0]?.processes).toEqual([{ pid: 100, busy_ns: 0.5 * second }]);
	});

	test('many processes are examined over several reads, and use from before the start is no news', () => {
		const tree = makeTree();
		addCard(tree, 'amdgpu');
		for (const pid of [10, 11]) for (let fd = 0; fd < 600; fd++) tree.link(`proc/${pid}/fd/${fd}`, 'pipe:[1]');
		addClient(tree, 13, 3, 1, 1000);
		const [reader] = openCards(tree);
		for (let i = 0; i < 3; i++) expect(reader?.read(second)[0]?.processes).toEqual([]);
		use(tree, 13, 3, 1, 1600);
		expect(reader?.read(second)[0]?.processes).toEqual([{ pid: 13, busy_ns: 600 }]);
	});

	test('when it is known which processes ran, no other is examined again', () => {
		const tree = makeTree();
		addCard(tree, 'amdgpu');
		addFile(tree, 10, 3, 'pipe:[1]');
		addFile(tree, 11, 3, 'pipe:[1]');
		const [reader] = openCards(tree);
		addClient(tree, 10, 4, 1, 500);
		addClient(tree, 11, 4, 2, 500);
		expect(reader?.read(second, [11])[0]?.processes).toEqual([{ pid: 11, busy_ns: 500 }]);
		expect(reader?.read(second, [10, 999])[0]?.processes).toEqual([{ pid: 10, busy_ns: 500 }]);
	});

	test('no card, or only one of NVIDIA: no reader', () => {
		expect(openCards(makeTree())).toEqual([]);
		const tree = makeTree();
		addCard(tree, 'nvidia');
		expect(openCards(tree)).toEqual([]);
	});
});

describe('sharing a GPU out', () => {
	const gpu = (energy_uj: number | null, ...busy: number[]) => ({
		name: safe`gpu`,
		energy_uj,
		processes: busy.map((busy_ns, pid) => ({ pid, busy_ns })),
		marked: [],
	});

	test.each([
		['idle time takes its part', gpu(1000, 0.5 * second), [500], 500],
		['more than one engine at once: nothing is left over', gpu(1000, second, second), [500, 500], 0],
		['nobody', gpu(1000), [], 1000],
		['energy that is not known is shared by nobody', gpu(null, second), [0], 0],
	])('%s', (_, reading, shares, rest) => {
		const result = shareGpuEnergy(reading, second);
		expect(result.processes.map(({ energy_uj }) => energy_uj)).toEqual(shares);
		expect(result.unattributed_uj).toBe(rest);
	});
});
