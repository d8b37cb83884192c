/** `wattlag doctor` on trees that stand in for machines; the running kernel: test/truth/doctor.test.ts. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Check } from '../../src/commands/doctor/check.ts';
import { type Diagnosis, judge } from '../../src/commands/doctor/doctor.ts';
import { energyChecks } from '../../src/commands/doctor/energy.ts';
import { bpfChecks, machineChecks } from '../../src/commands/doctor/machine.ts';
import { doctorJson, doctorText } from '../../src/commands/doctor/report.ts';
import { type TabReport, tabChecks, tryTabs } from '../../src/commands/doctor/tabs.ts';
import { terminalChecks } from '../../src/commands/doctor/terminal.ts';
import { Unavailable } from '../../src/core/errors.ts';
import type { BpfAddon } from '../../src/core/native.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Host, Tracer } from '../../src/core/tracer.ts';
import { textWidth } from '../../src/lib/width.ts';
import { treePerTest } from '../lib/tree.ts';
import { emptyReading, fakeHost, fakeTracer } from './sampling-fixtures.ts';

const tree = treePerTest();
beforeEach(() => {});

const ALL = '000001ffffffffff';

/** A machine without BTF, proc and sysfs being the fixture's. */
function machine(effective: string, addon: Partial<BpfAddon> | Error = {}): Host {
	tree.set('proc/self/status', `CapEff:\t${effective}\n`);
	return {
		...fakeHost(),
		get addon() {
			if (addon instanceof Error) throw addon;
			return {
				libbpfVersion: () => '1.1',
				hasType: () => false,
				enableStats: () => {
					throw new Error('EPERM');
				},
				openNvml: () => {
					throw new Error('libnvidia-ml.so.1: not found');
				},
				...addon,
			} as unknown as BpfAddon;
		},
		procRoot: tree.path('proc'),
		sysRoot: tree.path('sys'),
	};
}

function named(checks: readonly Check[], name: string): Check {
	const found = checks.find((check) => check.name === name);
	if (!found) throw new Error(`no check ${name}`);
	return found;
}

describe('machine', () => {
	const look = (effective: string, name: string) => named(machineChecks(machine(effective), 'wattlag 0'), name);

	test.each([
		['0000000000000000', 'no', 'CAP_BPF and CAP_PERFMON missing'],
		['0000008000000000', 'no', 'CAP_PERFMON missing'],
		['000000c000000000', 'less', 'CAP_SYS_ADMIN missing: disk IO may not load'],
	])('capabilities %s', (effective, state, words) => {
		const { state: found, found: sentences, fix } = look(effective, 'capabilities');
		expect(found).toBe(state);
		expect(sentences.join()).toContain(words);
		// rights of a binary are rights of all its users
		expect(fix).toMatch(/run as root.*AmbientCapabilities=CAP_SYS_ADMIN/);
		expect(fix).not.toContain(process.execPath);
	});

	test('with all capabilities there is nothing to do', () => {
		expect(look(ALL, 'capabilities')).toMatchObject({ state: 'ok', fix: '' });
	});

	test.each([
		['[none] integrity confidentiality', 'ok', ''],
		['none [integrity] confidentiality', 'info', ''],
		['none integrity [confidentiality]', 'no', 'boot with lockdown=integrity'],
	])('lockdown %s', (text, state, fix) => {
		tree.set('sys/kernel/security/lockdown', text);
		expect(look(ALL, 'lockdown')).toMatchObject({ state, fix });
	});

	test.each([
		['2', '0000000000000000', 'less'],
		['0', '0000000000000000', 'ok'],
		['4', ALL, 'ok'],
	])('perf_event_paranoid %s with capabilities %s', (value, effective, state) => {
		tree.set('proc/sys/kernel/perf_event_paranoid', `${value}\n`);
		const { state: found, found: sentences } = look(effective, 'perf_event_paranoid');
		expect(found).toBe(state);
		expect(sentences[0]).toContain(value);
	});

	test('a pid namespace of its own, no cgroup v2 and no PSI are limits', () => {
		tree.set('proc/self/mountinfo', '30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup cgroup rw,cpu\n');
		tree.folder('proc/self/ns');
		tree.link('proc/self/ns/pid', 'pid:[4026532999]');
		expect(look(ALL, 'pid namespace')).toMatchObject({ state: 'less', fix: expect.stringContaining('--pid=host') });
		expect(look(ALL, 'cgroup v2')).toMatchObject({ state: 'less' });
		expect(look(ALL, 'PSI')).toMatchObject({ state: 'less', fix: 'boot with psi=1' });
	});

	test('where they are there they are named', () => {
		tree.set('proc/self/mountinfo', '30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n');
		tree.set('proc/pressure/cpu', 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n');
		tree.set('proc/sys/kernel/osrelease', '6.99.1-\x1b[31mtest\n');
		tree.folder('proc/self/ns');
		tree.link('proc/self/ns/pid', 'pid:[4026531836]');
		expect(look(ALL, 'pid namespace')).toMatchObject({ state: 'ok' });
		expect(look(ALL, 'cgroup v2').found).toEqual(['at /sys/fs/cgroup']);
		expect(look(ALL, 'PSI').state).toBe('ok');
		expect(look(ALL, 'kernel').found[0]).toBe(`Linux 6.99.1-^[[31mtest ${process.arch}`);
	});
});

describe('BPF', () => {
	test('an addon that cannot be loaded is all that there is to say', () => {
		const checks = bpfChecks(machine(ALL, new Error('libbpf.so.1: cannot open shared object file')));
		expect(checks).toHaveLength(1);
		expect(checks[0]).toMatchObject({ state: 'no', found: [expect.stringContaining('libbpf.so.1')] });
	});

	test('no BTF, no statistics', () => {
		const checks = bpfChecks(machine(ALL));
		expect(named(checks, 'BTF')).toMatchObject({ state: 'no', fix: expect.stringContaining('CONFIG_DEBUG_INFO_BTF') });
		expect(named(checks, 'statistics')).toMatchObject({ state: 'less' });
	});

	test('statistics are switched off again', () => {
		let open = 0;
		const enableStats = () => {
			open++;
			return { close: () => void open-- };
		};
		const checks = bpfChecks(machine(ALL, { hasType: () => true, enableStats }));
		expect(checks.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'info']);
		expect(open).toBe(0);
	});
});

describe('tabs', () => {
	const source = { kind: 'fake', description: '', uncertainty: '±1 %', hooks: ['tp_btf/a'] };

	test('each has its own time of loading: none is started while another one is', async () => {
		const under: string[] = [];
		const slow = (id: string): Tracer<object, object> => ({
			...fakeTracer(id, {}),
			start(host) {
				if (host.meanwhile) under.push(id);
				return fakeTracer(id, {}).start(host, {});
			},
		});
		await tryTabs(fakeHost(), [slow('one'), slow('other')], { sections: {}, without: [] });
		expect(under).toEqual([]);
	});

	test('each is started, read, closed, and reported; those on demand too', async () => {
		const closed: string[] = [];
		const tracers: Tracer<object, object>[] = [
			fakeTracer('whole', { close: () => void closed.push('whole') }),
			fakeTracer('part', {
				read: () => ({ ...emptyReading, source: { ...source, missing: ['no tp_btf/b: nothing of \x1b is known'] } }),
				close: () => void closed.push('part'),
			}),
			fakeTracer('refused', new Unavailable('CAP_BPF is missing', 'run as root')),
			fakeTracer('broken', {
				read: () => {
					throw new Error('boom');
				},
			}),
			{ ...fakeTracer('asked', { close: () => void closed.push('asked') }), onDemand: true },
			fakeTracer('left', {}),
		];
		const reports = await tryTabs(fakeHost(), tracers, { sections: {}, without: ['left'] });
		expect(closed.sort()).toEqual(['asked', 'part', 'whole']);
		expect(reports.map(({ tracer, snapshot }) => [tracer.id, snapshot !== undefined])).toEqual([
			['whole', true],
			['part', true],
			['refused', false],
			['broken', false],
			['asked', true],
			['left', false],
		]);
		const checks = tabChecks(reports);
		expect(checks.map(({ state }) => state)).toEqual(['ok', 'less', 'no', 'no', 'ok', 'info']);
		expect(checks[1]?.found.slice(1)).toEqual(['±1 %', 'no tp_btf/b: nothing of ^[ is known']);
		expect(checks[2]).toMatchObject({ found: ['CAP_BPF is missing'], fix: 'run as root' });
		expect(checks[3]?.found).toEqual(['broken failed: boom']);
		expect(checks[4]?.found).toContain('runs only while its tab is open');
		expect(checks[5]?.found).toEqual(['left out by --without']);
	});

	const report = (
		id: string,
		works: boolean,
		more: Partial<TabReport> & Partial<Tracer<object, object>> = {},
	): TabReport => ({
		tracer: { ...fakeTracer(id, {}), ...more },
		load_ns: 0,
		snapshot: works ? ({} as Snapshot) : undefined,
		reason: '',
		fix: '',
		leftOut: more.leftOut ?? false,
	});

	test.each([
		['everything works', [report('a', true), report('b', true)], 0],
		['one does not', [report('a', true), report('b', false)], 1],
		['one on demand does not', [report('a', true), report('b', false, { onDemand: true })], 0],
		['one is left out', [report('a', true), report('b', false, { leftOut: true })], 0],
		['none does', [report('a', false), report('b', false)], 77],
		['only what is made of others does', [report('all', true, { from: ['a'] }), report('a', false)], 77],
	])('%s', (_, reports, code) => {
		expect(judge(reports).exitCode).toBe(code);
	});
});

test('energy: every candidate with its reason, GPUs, cpufreq', () => {
	const snapshot = {
		source: {
			uncertainty: '±30 %',
			weighting: 'run time',
			candidates: [
				{ kind: 'rapl', state: 'unavailable', reason: 'no RAPL', fix: 'modprobe' },
				{ kind: 'model', state: 'chosen', reason: 'no counter', fix: '' },
			],
		},
	} as unknown as Snapshot;
	tree.set('sys/devices/system/cpu/online', '0\n');
	tree.set('sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq', '1500000\n');
	tree.set('sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq', '3000000\n');
	tree.set('sys/class/drm/card0/device/power', '');
	const checks = energyChecks(machine(ALL), snapshot);
	expect(named(checks, 'source rapl')).toMatchObject({
		state: 'info',
		found: ['unavailable', 'no RAPL'],
		fix: 'modprobe',
	});
	expect(named(checks, 'source model').state).toBe('ok');
	expect(named(checks, 'watts').found).toEqual(['±30 %', 'shared out by run time']);
	expect(named(checks, 'cpufreq').found[0]).toBe('1.50 GHz on average now');
	expect(named(checks, 'GPU nvml')).toMatchObject({ state: 'info', found: [expect.stringContaining('not found')] });
	expect(named(checks, 'GPU drm').state).toBe('ok');
	// a tab that does not work takes nothing else along
	expect(energyChecks(machine(ALL), undefined).map(({ name }) => name)).toEqual(['cpufreq', 'GPU drm', 'GPU nvml']);
});

test('terminal: the first stream that is one; what the environment says', () => {
	const choice = { theme: 'auto', colours: 'auto', ascii: false } as const;
	const screen = { isTTY: true, columns: 30, rows: 24 };
	const pipe = { isTTY: false, columns: 0, rows: 0 };
	const poor = terminalChecks({ TERM: 'xterm' }, choice, [pipe, screen]);
	expect(named(poor, 'size')).toMatchObject({ state: 'less', found: ['30 × 24'] });
	expect(named(poor, 'characters').state).toBe('less');
	const rich = terminalChecks({ TERM: 'xterm-256color', LANG: 'C.UTF-8' }, choice, [pipe]);
	expect(named(rich, 'size')).toMatchObject({ state: 'info' });
	expect(named(rich, 'colours').found[0]).toContain('256');
	expect(named(rich, 'characters').state).toBe('ok');
});

describe('the report', () => {
	const diagnosis = (ascii: boolean): Diagnosis => ({
		sections: [
			{
				title: 'Machine',
				checks: [
					...machineChecks(machine('0000000000000000'), 'wattlag 0'),
					...terminalChecks({}, { theme: 'auto', colours: 'auto', ascii }, []),
				],
			},
		],
		tabs: [],
		ascii,
		verdict: 'All tabs work.',
		exitCode: 0,
	});

	test.each([40, 80, 200])('fits into %d columns, where words do', (columns) => {
		const lines = doctorText(diagnosis(false), columns).split('\n');
		const room = Math.min(100, columns);
		for (const line of lines.filter((one) => one.trim().includes(' ') && !one.includes(process.execPath)))
			expect(textWidth(line)).toBeLessThanOrEqual(room);
		expect(lines.join(' ')).toContain('All tabs work.');
	});

	test('7-bit where the terminal takes no more', () => {
		expect(doctorText(diagnosis(false))).toMatch(/[^\x00-\x7f]/);
		expect(doctorText(diagnosis(true))).not.toMatch(/[^\x00-\x7f]/);
	});

	test('JSON is one line with every check', () => {
		const line = doctorJson(diagnosis(false));
		expect(line.indexOf('\n')).toBe(line.length - 1);
		const parsed = JSON.parse(line);
		expect(parsed).toMatchObject({ doctor: 1, exit_code: 0, verdict: 'All tabs work.', tabs: [] });
		expect(parsed.sections[0].checks[0]).toEqual({
			name: 'wattlag',
			state: 'info',
			found: [expect.any(String)],
			fix: '',
		});
	});
});
