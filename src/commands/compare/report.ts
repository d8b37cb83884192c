/** A comparison for people and for programs. */
import { formatCount, formatMicroJoules, formatNs, formatShare } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { ComparedRow, Comparison, Side } from './live.ts';

const NONE = '–';

/** One object, one line. */
export function comparisonJson(comparison: Comparison): string {
	return `${JSON.stringify(comparison)}\n`;
}

const right = (text: string, width = 12) => fitCells(text, width, 'right');

function share(value: number | null): string {
	return value === null ? NONE : formatShare(value);
}

/** What is compared, in the order in which it is read: how much, how complete, how fine, at what cost. */
const measures: [label: string, value: (side: Side) => string][] = [
	['CPU time found', (side) => formatNs(side.cpu_ns)],
	['  of what the machine used', (side) => share(side.busy_share)],
	['energy', (side) => formatMicroJoules(side.energy_uj)],
	['processes with CPU time', (side) => formatCount(side.processes, 7)],
	['processes never seen', (side) => formatCount(side.missed.processes, 7)],
	['  their CPU time', (side) => formatNs(side.missed.cpu_ns)],
	['  their energy', (side) => formatMicroJoules(side.missed.energy_uj)],
	['processes seen, CPU time not', (side) => formatCount(side.silent.processes, 7)],
	['  their CPU time', (side) => formatNs(side.silent.cpu_ns)],
	['finest CPU time', (side) => (side.finest_ns === null ? NONE : formatNs(side.finest_ns))],
	['own cost', (side) => formatNs(side.cost_ns)],
	['  of one CPU', (side) => share(side.cost_share)],
];

const LABEL = 30;
const NAME = 20;

function processLine(row: ComparedRow): string {
	const { bpf, proc } = row;
	return [
		right(String(row.pid), 8),
		fitCells(row.comm, NAME),
		right(bpf ? formatNs(bpf.cpu_ns) : NONE, 10),
		right(proc ? formatNs(proc.cpu_ns) : NONE, 10),
		right(formatNs(row.difference_ns), 10),
		right(bpf ? formatMicroJoules(bpf.energy_uj) : NONE, 9),
		right(proc ? formatMicroJoules(proc.energy_uj) : NONE, 9),
		right(formatMicroJoules(row.difference_uj), 9),
	].join(' ');
}

/** Plain text: the sums side by side, then the processes. @param limit processes shown */
export function comparisonTable(comparison: Comparison, limit: number): string {
	const { seconds, machine, bpf, proc, rows, overflow } = comparison;
	const interrupts = machine.irq_ns > 0 ? `, ${formatNs(machine.irq_ns)} of it interrupts` : '';
	const shown = rows.slice(0, limit);
	const left = rows.length - shown.length + overflow;
	return [
		`${seconds.toFixed(1)} s; the machine used ${formatNs(machine.busy_ns)} of CPU time${interrupts} (/proc/stat)`,
		'',
		`${fitCells('', LABEL)}${right('bpf')}${right('proc')}`,
		...measures.map(([label, value]) => `${fitCells(label, LABEL)}${right(value(bpf))}${right(value(proc))}`),
		'',
		[
			right('PID', 8),
			fitCells('COMMAND', NAME),
			...['CPU bpf', 'CPU proc', 'bpf-proc'].map((title) => right(title, 10)),
			...['E bpf', 'E proc', 'bpf-proc'].map((title) => right(title, 9)),
		].join(' '),
		...shown.map(processLine),
		...(left > 0 ? [`and ${left} more (${NONE}: never seen by that side)`] : [`${NONE}: never seen by that side`]),
		'',
	].join('\n');
}
