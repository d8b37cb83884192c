/** The result of `wattlag measure`, for people and for programs. */
import {
	counted,
	formatBytes,
	formatCount,
	formatMicroJoules,
	formatNs,
	formatShare,
	formatWatts,
	sparkline,
} from '../../lib/format.ts';
import { redactArguments } from '../../lib/redact.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { fitCells, wrapText } from '../../lib/width.ts';
import { kwhOf } from '../../tracers/energy/machine-parts.ts';
import type { Measurement, Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** The figures of a run that have a mean over several runs. */
export const FIGURES = [
	'wall_ns',
	'cpu_ns',
	'energy_uj',
	'watts',
	'machine_energy_uj',
	'machine_idle_uj',
	'machine_watts',
	'measured_ns',
	'edges_ns',
	'wait_ns',
	'waits',
	'switches_voluntary',
	'switches_involuntary',
	'io_bytes',
	'read_bytes',
	'write_bytes',
	'read_calls',
	'write_calls',
	'minor_faults',
	'major_faults',
	'processes',
	'threads',
	'own_cpu_ns',
] as const satisfies readonly (keyof Run)[];
export type Figure = (typeof FIGURES)[number];

export type Summary = Record<Figure, Spread | null>;

/** Mean and confidence over the runs; null: a run lacks the figure. */
export function summarize(runs: readonly Run[]): Summary {
	return Object.fromEntries(
		FIGURES.map((key) => {
			const values = runs.map((run) => run[key]).filter((value) => value !== null);
			return [key, values.length === runs.length && runs.length > 0 ? spreadOf(values) : null];
		}),
	) as Summary;
}

/** The first code that is not 0. */
export function exitCodeOf(runs: readonly Run[]): number {
	return runs.find(({ exit_code }) => exit_code !== 0)?.exit_code ?? 0;
}

/** Per kWh; 0: not asked for. */
export interface Prices {
	price: number;
	co2: number;
}

/** Cost and emissions of the command's own share. */
function billOf(means: Partial<Record<Figure, number | null>>, { price, co2 }: Prices): Record<string, number> {
	const energy = means.energy_uj ?? null;
	if (energy === null || (price === 0 && co2 === 0)) return {};
	const kwh = kwhOf(energy);
	return { wh: kwh * 1000, ...(price > 0 && { price: kwh * price }), ...(co2 > 0 && { co2_g: kwh * co2 }) };
}

/** One object, one line; see docs/energy.md. Means over the runs, their confidence, then each run. */
export function measurementJson(
	command: readonly string[],
	{ runs, source, tree }: Measurement,
	bill: Prices = { price: 0, co2: 0 },
): string {
	const summary = summarize(runs);
	const of = (part: (spread: Spread) => number | null) =>
		Object.fromEntries(FIGURES.map((key) => [key, summary[key] && part(summary[key])]));
	const means = of(({ mean }) => mean);
	const per = (energy: number | null | undefined, count: number | null | undefined): number | null =>
		energy === null || energy === undefined || !count ? null : energy / count;
	const calls = (means['read_calls'] ?? 0) + (means['write_calls'] ?? 0);
	const switches = (means['switches_voluntary'] ?? 0) + (means['switches_involuntary'] ?? 0);
	return `${JSON.stringify({
		measure: 1,
		command: redactArguments(command.map((word) => sanitize(word))),
		runs: runs.length,
		exit_code: exitCodeOf(runs),
		...means,
		energy_uj_per_gb: per(means['energy_uj'], (means['io_bytes'] ?? 0) / 1e9),
		energy_uj_per_call: per(means['energy_uj'], calls),
		energy_uj_per_switch: per(means['energy_uj'], switches),
		...billOf(means, bill),
		ci95: runs.length > 1 ? of(({ ci95 }) => ci95) : null,
		left_running: Math.max(...runs.map(({ left_running }) => left_running)),
		each: runs,
		source: {
			kind: source.kind,
			scope: source.scope,
			description: source.description,
			uncertainty: source.uncertainty,
			weighting: source.weighting,
			tree: tree.description,
			tree_uncertainty: tree.uncertainty,
			missing: [...(source.missing ?? []), ...tree.missing],
		},
	})}\n`;
}

const WIDTH = 100;

/** `±2.1%`, or the range of few values; empty: one run. */
function confidence({ mean, ci95 }: Spread): string {
	return ci95 === null ? '' : `± ${mean === 0 ? '0%' : formatShare(ci95 / mean)}`;
}

/** The lines of one figure with what explains it; empty where it is not known. */
function line(spread: Spread | null, format: (value: number) => string, label: string, note = ''): string[] {
	if (!spread) return [];
	const text = `${fitCells(format(spread.mean), 10, 'right')}  ${fitCells(label, 30)} ${fitCells(confidence(spread), 9)} ${note}`;
	return [text.trimEnd()];
}

function wattsLine(run: Run, width: number): string[] {
	const points = run.samples.map(({ energy_uj, machine_energy_uj, dt_ns }) => {
		const energy = energy_uj ?? machine_energy_uj;
		return energy === null ? Number.NaN : (energy / dt_ns) * 1000;
	});
	if (points.length < 2 || points.every((point) => !Number.isFinite(point))) return [];
	const per = Math.ceil(points.length / width);
	const shown = Array.from({ length: Math.ceil(points.length / per) }, (_, index) => {
		const part = points.slice(index * per, (index + 1) * per);
		return part.reduce((sum, point) => sum + point, 0) / part.length;
	});
	const finite = shown.filter(Number.isFinite);
	return [
		`  watts over time, ${formatWatts(Math.min(...finite))} to ${formatWatts(Math.max(...finite))}`,
		`  ${sparkline(shown, shown.length)}`,
	];
}

/** From this part on the time of the readings is worth a word. */
const EDGES_FROM = 0.05;

/** What a short run lacks in accuracy. */
function shortRun(edges_ns: number, measured_ns: number): string[] {
	const share = measured_ns > 0 ? edges_ns / measured_ns : 0;
	if (!(share >= EDGES_FROM)) return [];
	return [
		`  a short run: its first and last reading took ${formatNs(edges_ns)}, so that energies are ±${formatShare(Math.min(1, share))} more uncertain`,
	];
}

/** For people: ends with a newline. */
export function measurementText(command: readonly string[], { runs, source, tree }: Measurement): string {
	const { length } = runs;
	const last = runs.at(-1);
	if (!last) return '';
	const s = summarize(runs);
	const count = (value: number): string => formatCount(value, 7);
	const noun = (value: number, one: string): string => `${count(value)} ${count(value) === '1' ? one : `${one}s`}`;
	const bytes = (value: number): string => formatBytes(value, 'full');
	const mean = (key: Figure): number => s[key]?.mean ?? Number.NaN;
	const lost = Object.entries(last.lost).filter(([, number]) => number > 0);
	return [
		'',
		` wattlag measure: ${redactArguments(command.map((word) => sanitize(word))).join(' ')}${length > 1 ? ` (${length} runs: means, 95 % confidence)` : ''}`,
		'',
		...line(
			s.energy_uj,
			formatMicroJoules,
			'energy of the command',
			`${formatWatts(mean('watts'))} over its wall time`,
		),
		...line(
			s.machine_energy_uj,
			formatMicroJoules,
			'energy of the machine',
			`${formatWatts(mean('machine_watts'))}; ${formatMicroJoules(mean('machine_idle_uj'))} of it idle`,
		),
		...line(s.wall_ns, formatNs, 'wall time'),
		...line(s.cpu_ns, formatNs, 'CPU time', `${(mean('cpu_ns') / mean('wall_ns')).toFixed(2)} CPUs`),
		...line(s.wait_ns, formatNs, 'waiting for a CPU', noun(mean('waits'), 'wait')),
		...line(s.read_bytes, bytes, 'read from storage', s.read_calls ? noun(mean('read_calls'), 'read') : ''),
		...line(s.write_bytes, bytes, 'written to storage', s.write_calls ? noun(mean('write_calls'), 'write') : ''),
		...line(
			s.switches_voluntary,
			count,
			'context switches, voluntary',
			`${count(mean('switches_involuntary'))} involuntary`,
		),
		...line(s.minor_faults, count, 'page faults, minor', `${count(mean('major_faults'))} major`),
		...line(s.processes, count, 'processes', noun(mean('threads'), 'thread')),
		'',
		...wattsLine(last, WIDTH - 2),
		...wrapText(`energy: ${source.kind}, ${source.uncertainty}`, WIDTH, '  ').map((text) => `  ${text}`),
		...shortRun(mean('edges_ns'), mean('measured_ns')),
		...wrapText(`CPU: ${tree.description}; ${tree.uncertainty}`, WIDTH, '  ').map((text) => `  ${text}`),
		...(last.left_running > 0
			? [
					`  ${counted(last.left_running, 'thread')} of the command ${last.left_running === 1 ? 'is' : 'are'} still running`,
				]
			: []),
		...(last.exit_code === 0 ? [] : [`  exit code ${last.exit_code}`]),
		...lost.map(([cause, number]) => `  lost: ${number} ${cause.replaceAll('_', ' ')}`),
		'',
		'',
	].join('\n');
}
