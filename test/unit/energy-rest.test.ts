/** Idle states, clock limits and throttling from FIXTURE trees: no figure in them was measured. */
import { describe, expect, test } from 'vitest';
import { wake_via } from '../../src/generated/energy-wakes.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { readFrequencyLimits, ThrottleCounters } from '../../src/tracers/energy/rest/frequency.ts';
import { IdleStates } from '../../src/tracers/energy/rest/idle-states.ts';
import { causeOf } from '../../src/tracers/energy/rest/wakes.ts';
import { type FileTree, treePerTest } from '../lib/tree.ts';

const tree = treePerTest();
const CPU = 'sys/devices/system/cpu';

function setState(cpu: number, state: number, values: Record<string, string | number>): void {
	for (const [file, value] of Object.entries(values))
		tree.set(`${CPU}/cpu${cpu}/cpuidle/state${state}/${file}`, `${value}\n`);
}

const opened = () => new IdleStates(tree.path('sys'), tree.path('proc'));

describe('idle states', () => {
	test('time and entries by state, from the driver', () => {
		tree.set(`${CPU}/cpuidle/current_driver`, 'intel_idle\n');
		tree.set(`${CPU}/cpuidle/current_governor`, 'menu\n');
		for (const cpu of [0, 1]) {
			setState(cpu, 0, { name: 'POLL', latency: 0, residency: 0, time: 100, usage: 10, disable: 0 });
			setState(cpu, 1, { name: 'C6', latency: 133, residency: 400, time: 5_000_000, usage: 100, disable: cpu });
		}
		const idle = opened();
		expect(idle.read([0, 1]).cpus).toEqual([]);
		setState(0, 1, { time: 5_600_000, usage: 160 });
		setState(1, 0, { time: 1_100, usage: 15 });
		const { source, driver, governor, states, cpus } = idle.read([0, 1]);
		expect({ source, driver, governor }).toEqual({ source: 'cpuidle', driver: 'intel_idle', governor: 'menu' });
		expect(states).toEqual([
			{ name: 'POLL', latency_ns: 0, residency_ns: 0, disabled: false, idle_ns: 1e6, entries: 5 },
			{ name: 'C6', latency_ns: 133e3, residency_ns: 400e3, disabled: false, idle_ns: 600e6, entries: 60 },
		]);
		expect(cpus).toEqual([
			{ cpu: 0, idle_ns: [0, 600e6] },
			{ cpu: 1, idle_ns: [1e6, 0] },
		]);
	});

	test('counters that begin again count nothing; a CPU that comes back begins anew', () => {
		setState(0, 0, { name: 'C1', latency: 2, residency: 2, time: 900, usage: 9 });
		const idle = opened();
		idle.read([0]);
		setState(0, 0, { time: 100, usage: 1 });
		expect(idle.read([0]).states[0]).toMatchObject({ idle_ns: 0, entries: 0 });
		setState(0, 0, { time: 'x' });
		expect(idle.read([0]).cpus).toEqual([]);
		setState(0, 0, { time: 5000 });
		expect(idle.read([0]).cpus).toEqual([]);
		setState(0, 0, { time: 6000 });
		expect(idle.read([0]).cpus).toEqual([{ cpu: 0, idle_ns: [1e6] }]);
	});

	test('of very many CPUs some are read, and scaled up', () => {
		const cpus = Array.from({ length: 512 }, (_, cpu) => cpu);
		for (const cpu of cpus) setState(cpu, 0, { name: 'C1', time: 0, usage: 0 });
		const idle = opened();
		expect(idle.read(cpus).sampled).toBe(128);
		for (const cpu of cpus) setState(cpu, 0, { time: 1000, usage: 2 });
		expect(idle.read(cpus).states[0]).toMatchObject({ idle_ns: 512e6, entries: 1024 });
	});

	test('without a driver: idle and iowait of /proc/stat, as one state', () => {
		tree.set('proc/stat', 'cpu  1 0 1 300 50 0 0 0 0 0\ncpu0 1 0 1 100 50 0 0 0 0 0\ncpu1 0 0 0 200 0 0 0 0 0 0\n');
		const idle = opened();
		idle.read([0, 1]);
		tree.set('proc/stat', 'cpu  1 0 1 400 60 0 0 0 0 0\ncpu0 1 0 1 140 60 0 0 0 0 0\ncpu1 0 0 0 260 0 0 0 0 0 0\n');
		expect(idle.read([0, 1])).toMatchObject({
			source: 'proc',
			driver: '',
			states: [{ name: 'idle', latency_ns: null, idle_ns: 1.1e9, entries: null }],
			cpus: [
				{ cpu: 0, idle_ns: [0.5e9] },
				{ cpu: 1, idle_ns: [0.6e9] },
			],
		});
	});
});

function setPolicy(fixture: FileTree, policy: number, values: Record<string, string | number>): void {
	for (const [file, value] of Object.entries(values))
		fixture.set(`${CPU}/cpufreq/policy${policy}/${file}`, `${value}\n`);
}

describe('clock limits', () => {
	const full = { cpuinfo_min_freq: 800_000, cpuinfo_max_freq: 4_000_000, scaling_max_freq: 4_000_000 };

	test('none without cpufreq', () => {
		expect(readFrequencyLimits(tree.path('sys'))).toBeNull();
	});

	test('of the policy that is limited most; the firmware may limit more', () => {
		setPolicy(tree, 0, { ...full, scaling_driver: 'intel_pstate', scaling_governor: 'powersave' });
		tree.set(`${CPU}/intel_pstate/no_turbo`, '1\n');
		expect(readFrequencyLimits(tree.path('sys'))).toMatchObject({
			driver: 'intel_pstate',
			governor: 'powersave',
			min_ghz: 0.8,
			max_ghz: 4,
			limit_ghz: 4,
			capped: false,
			turbo: false,
			firmware_ghz: null,
		});
		setPolicy(tree, 1, { ...full, scaling_max_freq: 2_000_000 });
		expect(readFrequencyLimits(tree.path('sys'))).toMatchObject({ limit_ghz: 2, capped: true });
		setPolicy(tree, 1, { bios_limit: 1_000_000 });
		expect(readFrequencyLimits(tree.path('sys'))).toMatchObject({ limit_ghz: 1, firmware_ghz: 1, capped: true });
	});
});

test('throttling: every core, each package once; cooling devices of processors only', () => {
	const set = (cpu: number, core: number, chip: number): void => {
		tree.set(`${CPU}/cpu${cpu}/thermal_throttle/core_throttle_count`, `${core}\n`);
		tree.set(`${CPU}/cpu${cpu}/thermal_throttle/package_throttle_count`, `${chip}\n`);
		tree.set(`${CPU}/cpu${cpu}/thermal_throttle/core_throttle_total_time_ms`, `${core * 2}\n`);
	};
	// what was not there is searched for again after half a minute
	let now = 0;
	const counters = new ThrottleCounters(tree.path('sys'), () => now);
	expect(counters.read([0, 1], [0])).toBeNull();
	set(0, 3, 10);
	set(1, 0, 10);
	now += 1e9;
	expect(counters.read([0, 1], [0])).toBeNull();
	now += 30e9;
	expect(counters.read([0, 1], [0])).toMatchObject({ events: 0, events_total: 13 });
	set(0, 5, 11);
	set(1, 1, 11);
	expect(counters.read([0, 1], [0])).toMatchObject({ events: 4, events_total: 17, throttled_ns: 6e6, cooling: 0 });
	tree.set('sys/class/thermal/cooling_device0/type', 'Processor\n');
	tree.set('sys/class/thermal/cooling_device0/cur_state', '3\n');
	tree.set('sys/class/thermal/cooling_device1/type', 'Fan\n');
	tree.set('sys/class/thermal/cooling_device1/cur_state', '2\n');
	now += 30e9;
	expect(counters.read([0, 1], [0])).toMatchObject({ cooling: 1, cooling_devices: 1 });
});

test('causes in words', () => {
	expect(causeOf(wake_via.VIA_IRQ, 36, safe`virtio1-req.0`).cause).toBe('IRQ 36 virtio1-req.0');
	expect(causeOf(wake_via.VIA_HRTIMER, 1, safe`hrtimer_wakeup`)).toEqual({
		cause: 'timer hrtimer_wakeup',
		via: 'timer',
	});
	expect(causeOf(wake_via.VIA_HRTIMER, 1, safe`tick_nohz_handler`).cause).toBe('timer tick_nohz_handler (tick)');
	expect(causeOf(wake_via.VIA_TIMER, 0xabc, sanitize('')).cause).toBe('timer function at abc');
	expect(causeOf(wake_via.VIA_SOFTIRQ, 3, safe``).cause).toBe('softirq NET_RX');
	expect(causeOf(wake_via.VIA_CALL, 0, safe``)).toEqual(causeOf(wake_via.VIA_RESCHEDULE, 0, safe``));
	expect(causeOf(wake_via.VIA_POLL, 0, safe``).via).toBe('poll');
	expect(causeOf(wake_via.VIA_PROCESS, 4711, safe`make`)).toEqual({ cause: 'process make[4711]', via: 'process' });
});
