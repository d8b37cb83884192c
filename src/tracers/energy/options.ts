/** Options of the energy tab. */
import type { OptionSpec, Options } from '../../core/tracer.ts';

const weightChoices = ['auto', 'time', 'frequency', 'cycles'] as const;
export type WeightChoice = (typeof weightChoices)[number];

/** Counters of energy, in the order in which they are tried: best measured first. */
export const counterKinds = ['rapl', 'pmu', 'meter'] as const;
export type CounterKind = (typeof counterKinds)[number];

/** Methods without a counter, and what each is. */
export const methods = {
	model: 'watts are modelled from CPU time (--power)',
	time: 'CPU seconds only, no watts',
	proc: 'the traditional sampler of /proc',
} as const;
export type Method = keyof typeof methods;

/** Values of `--source`. */
const sourceChoices = ['auto', ...counterKinds, ...(Object.keys(methods) as Method[])] as const;
export type SourceChoice = (typeof sourceChoices)[number];

export const energyOptions: readonly OptionSpec[] = [
	{
		name: 'source',
		type: 'string',
		default: 'auto',
		choices: sourceChoices,
		placeholder: 'NAME',
		help: 'source of watts; time: none',
	},
	{
		name: 'power',
		short: 'p',
		type: 'number',
		default: 15,
		min: 0.001,
		max: 100_000,
		placeholder: 'WATTS',
		help: 'power of the machine with all CPUs busy (TDP), for the model',
	},
	{
		name: 'idle',
		type: 'number',
		default: 0,
		min: 0,
		max: 100_000,
		placeholder: 'WATTS',
		help: 'power of the machine with all CPUs idle, for the model (0: --idle-share of --power)',
	},
	{
		name: 'idle-share',
		type: 'number',
		default: 20,
		min: 0,
		max: 100,
		placeholder: 'PERCENT',
		help: 'share of --power that is drawn when all CPUs are idle, for the model; processors idle at 10 to 30 % of their TDP',
	},
	{
		name: 'frequency-exponent',
		type: 'number',
		default: 2,
		min: 0,
		max: 4,
		placeholder: 'N',
		help: 'power of a busy CPU grows with its frequency to the power of N, usually 1 to 3 (needs cpufreq)',
	},
	{
		name: 'policy',
		type: 'string',
		default: 'active',
		choices: ['active', 'idle-spread', 'seed'],
		placeholder: 'NAME',
		help: 'idle energy separate, or divided among processes, or watts / CPUs × seconds',
	},
	{
		name: 'weight',
		type: 'string',
		default: 'auto',
		choices: weightChoices,
		placeholder: 'NAME',
		help: 'divide energy by CPU time, time × frequency or cycles; auto: time × frequency, where cpufreq reports it',
	},
	{
		name: 'rest',
		type: 'boolean',
		default: false,
		help: 'count what ends the idle periods of CPUs (0.2 µs each, 0.25 µs a wake-up of a task); on the screen key v does that',
	},
	{
		name: 'disk-read-j',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'J',
		help: 'energy of disks for a GB read, shown beside the CPUs, ±50 % (0: not estimated)',
	},
	{
		name: 'disk-write-j',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'J',
		help: 'likewise for a GB written',
	},
	{
		name: 'network-j',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'J',
		help: 'likewise for a GB that network devices send or receive',
	},
	{
		name: 'disk-w',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'WATTS',
		help: 'power of all disks at rest, ±50 % (0: not estimated)',
	},
	{
		name: 'network-w',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'WATTS',
		help: 'likewise of network devices',
	},
	{
		name: 'memory-w',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'WATTS',
		help: 'likewise of memory, where no counter has it',
	},
	{
		name: 'board-w',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'WATTS',
		help: 'likewise of everything else: board, fans, losses of the power supply',
	},
	{
		name: 'price',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'N',
		help: 'price of a kWh, for the cost since start and per day (0: no cost)',
	},
	{
		name: 'co2',
		type: 'number',
		default: 0,
		min: 0,
		max: 10_000,
		placeholder: 'GRAMS',
		help: 'CO2 of a kWh, g (0: not shown)',
	},
	{ name: 'seed-compatible', type: 'boolean', default: false, help: 'the same as --policy seed' },
	{
		name: 'forecast',
		type: 'number',
		default: 10,
		min: 1,
		max: 3600,
		placeholder: 'SECONDS',
		help: 'how far ahead the energy is predicted',
	},
];

/** As `Tracer.checkOptions`. */
export function checkEnergyOptions(
	{ idle, power, 'seed-compatible': seedCompatible }: Options,
	{ policy }: Options,
): string | undefined {
	if (Number(idle) > Number(power)) return `--idle: ${idle} W is more than --power, ${power} W with all CPUs busy`;
	if (seedCompatible && policy !== undefined && policy !== 'seed')
		return `--seed-compatible and --policy ${policy} exclude each other: leave one out`;
	return undefined;
}
