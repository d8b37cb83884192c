import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { exitCodeOf, measurementJson, measurementText, summarize } from '../../src/commands/measure/report.ts';
import { mergeSamples, type PowerSample, type Run, shareByTime } from '../../src/commands/measure/run.ts';
import { spreadOf, tQuantile } from '../../src/commands/measure/statistics.ts';
import { safe } from '../../src/lib/sanitize.ts';
import { seedEnergy } from '../../src/tracers/energy/power/model.ts';

function run(changes: Partial<Run> = {}): Run {
	return {
		exit_code: 0,
		wall_ns: 2e9,
		cpu_ns: 1e9,
		wait_ns: 5e6,
		waits: 10,
		switches_voluntary: 8,
		switches_involuntary: 2,
		read_bytes: 4096,
		write_bytes: 8192,
		read_calls: 3,
		write_calls: 4,
		minor_faults: 100,
		major_faults: 1,
		processes: 2,
		threads: 3,
		io_bytes: 12288,
		energy_uj: 7.5e6,
		watts: 3.75,
		machine_energy_uj: 20e6,
		machine_idle_uj: 6e6,
		machine_watts: 10,
		measured_ns: 2e9,
		edges_ns: 4e6,
		left_running: 0,
		own_cpu_ns: 1e6,
		samples: [],
		lost: { untracked_tasks: 0 },
		...changes,
	};
}

const about = {
	source: {
		kind: 'model',
		description: 'a model',
		weighting: 'run time',
		uncertainty: '±30 %',
		hooks: [],
		scope: safe`CPUs as modelled`,
		missing: [],
	},
	tree: { description: 'kernel counters', uncertainty: 'exact', missing: [] },
};

describe('the energy of a command', () => {
	// the first energy monitor's own example: 15,234.56 ms of CPU time at 15 W on 4 CPUs
	test('by the seed model: watts / CPUs × seconds, whatever else runs', () => {
		const cpu = 15_234.56e6;
		for (const others of [0, 40e9]) {
			const { measured_uj, idle_uj } = seedEnergy({ tdp: 15, idleShare: 0, cpus: 4 }, 20e9, cpu + others);
			expect(shareByTime(measured_uj - idle_uj, cpu, cpu + others) / 1e6).toBeCloseTo(57.13, 2);
		}
	});

	test('is never more than there was', () => {
		expect(shareByTime(40e6, 1e9, 4e9)).toBe(10e6);
		expect(shareByTime(40e6, 2e9, 1e9)).toBe(40e6);
		expect(shareByTime(0, 0, 0)).toBe(0);
	});
});

describe('several runs', () => {
	test('mean and half width of the 95 % interval, as in a table of t', () => {
		expect(tQuantile(1)).toBe(12.706);
		expect(tQuantile(30)).toBe(2.042);
		// 1.9840 by tables
		expect(tQuantile(100)).toBeCloseTo(1.984, 3);
		const { mean, ci95, min, max } = spreadOf([9, 10, 11, 12, 13]);
		expect({ mean, min, max }).toEqual({ mean: 11, min: 9, max: 13 });
		// s = 1.5811, s/√5 = 0.7071, × 2.776
		expect(ci95).toBeCloseTo(1.963, 3);
		expect(spreadOf([7])).toEqual({ mean: 7, ci95: null, min: 7, max: 7 });
	});

	test('a figure that one run lacks has no mean; the first exit code that is not 0 counts', () => {
		const runs = [run({ cpu_ns: 1e9 }), run({ cpu_ns: 3e9, energy_uj: null, exit_code: 4 }), run({ exit_code: 5 })];
		const summary = summarize(runs);
		expect(summary.cpu_ns?.mean).toBeCloseTo(5e9 / 3, 0);
		expect(summary.energy_uj).toBeNull();
		expect(exitCodeOf(runs)).toBe(4);
	});
});

test('samples are merged by pairs; nothing of their sums is lost, and a gap stays one', () => {
	const samples: PowerSample[] = [1, 2, 3, 4, 5].map((number) => ({
		at_ns: number * 100,
		dt_ns: 100,
		energy_uj: number,
		machine_energy_uj: number === 3 ? null : number * 10,
		cpu_ns: number,
	}));
	expect(mergeSamples(samples)).toEqual([
		{ at_ns: 200, dt_ns: 200, energy_uj: 3, machine_energy_uj: 30, cpu_ns: 3 },
		{ at_ns: 400, dt_ns: 200, energy_uj: 7, machine_energy_uj: null, cpu_ns: 7 },
		{ at_ns: 500, dt_ns: 100, energy_uj: 5, machine_energy_uj: 50, cpu_ns: 5 },
	]);
});

describe('the report', () => {
	test('JSON is one line with the figures of the runs and where they come from', () => {
		const text = measurementJson(['make', 'a\u001b[31mll'], { runs: [run(), run({ cpu_ns: 3e9 })], ...about });
		expect(text.trimEnd()).not.toContain('\n');
		const line = JSON.parse(text) as Record<string, unknown>;
		expect(
			new Ajv({ strict: false }).validate(
				{
					type: 'object',
					required: [
						'measure',
						'command',
						'runs',
						'exit_code',
						'wall_ns',
						'cpu_ns',
						'energy_uj',
						'wait_ns',
						'io_bytes',
					],
				},
				line,
			),
		).toBe(true);
		expect(line).toMatchObject({ measure: 1, runs: 2, cpu_ns: 2e9, energy_uj: 7.5e6, io_bytes: 12288 });
		expect((line['ci95'] as Record<string, number>)['cpu_ns']).toBeCloseTo(12.706e9, -3);
		expect(text).not.toContain('\u001b');
		expect(JSON.parse(measurementJson(['x'], { runs: [run()], ...about }))['ci95']).toBeNull();
	});

	test('text has units, and leaves out what is not known', () => {
		const samples = [1, 2, 4].map((uj, index) => ({
			at_ns: (index + 1) * 1e8,
			dt_ns: 1e8,
			energy_uj: uj * 1e5,
			machine_energy_uj: uj * 2e5,
			cpu_ns: 1e7,
		}));
		const text = measurementText(['sleep', '1'], { runs: [run({ samples })], ...about });
		expect(text).toMatch(/7\.50J +energy of the command +3\.75W/);
		expect(text).toMatch(/20\.0J +energy of the machine +10\.0W; 6\.00J of it idle/);
		expect(text).toContain('watts over time, 1.00W to 4.00W');
		expect(text).toContain('▂▄█');
		const bare = measurementText(['x'], { runs: [run({ energy_uj: null, wait_ns: null, exit_code: 3 })], ...about });
		expect(bare).not.toContain('energy of the command');
		expect(bare).not.toContain('waiting for a CPU');
		expect(bare).toContain('exit code 3');
		expect(text).not.toContain('short run');
		const short = measurementText(['true'], { runs: [run({ measured_ns: 10e6, edges_ns: 2e6 })], ...about });
		expect(short).toContain(
			'a short run: its first and last reading took 2.00ms, so that energies are ±20.0% more uncertain',
		);
	});
});
