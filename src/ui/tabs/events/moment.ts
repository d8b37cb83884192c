/** The state at the second of an event: machine, process and findings, from the overview's history. */
import type { Snapshot } from '../../../core/snapshot.ts';
import { formatBytes, formatCount, formatNs, formatRate, formatShare, formatWatts } from '../../../lib/format.ts';
import type { Ns } from '../../../lib/units.ts';
import type { Span } from '../../../term/theme.ts';
import type { OverviewExtra, OverviewRow } from '../../../tracers/overview/snapshot.ts';
import { overviewOf } from '../../lens/context.ts';
import { wrapSpans } from '../../widgets/line.ts';
import { severityRole } from '../../widgets/severity.ts';

type Overview = Snapshot<OverviewRow, OverviewExtra>;

/** Of an event, as far as it is needed here. */
export interface Moment {
	mono_ns: Ns;
	/** 0: no process is known. */
	pid: number;
	start_time: Ns;
}

/** Processes that are named where the event has none. */
const BUSIEST = 3;

const dim = (text: string): Span => ['dim', text];

function figures(...known: (readonly [name: string, value: string | null])[]): Span[] {
	return known.flatMap(([name, value]): Span[] => (value === null ? [] : [dim(`  ${name} `), value]));
}

/** null stays null: a figure that is not known has no name either. */
const text = <T>(value: T | null | undefined, format: (value: T) => string): string | null =>
	value === null || value === undefined ? null : format(value);

function machineSpans({ totals, dt_ns }: Overview): Span[] {
	const { cpus, busy_ns, watts, wait_ns, wait_p99_ns, irq_ns, io_count, io_bytes } = totals;
	const seconds = dt_ns / 1e9;
	return [
		dim('  machine'),
		...figures(
			['CPU', busy_ns === null || cpus === null ? null : formatShare(busy_ns / (dt_ns * cpus))],
			['power', text(watts, formatWatts)],
			['run queue', text(wait_ns, formatNs)],
			['p99', text(wait_p99_ns, formatNs)],
			['IRQ', text(irq_ns, (ns) => formatShare(ns / dt_ns))],
			[
				'IO',
				text(io_count, (count) =>
					count === 0 ? 'none' : `${formatRate(count / seconds)}/s ${formatBytes((io_bytes ?? 0) / seconds)}/s`,
				),
			],
		),
	];
}

function processSpans(row: OverviewRow, dt_ns: Ns): Span[] {
	const { comm, pid, watts, cpu_ns, wait_ns, wait_p99_ns, irq_time_ns, io_count, io_bytes, io_p99_ns, state, reason } =
		row;
	return [
		dim('  '),
		pid > 0 ? `${comm}[${pid}]` : comm,
		...figures(
			['CPU', text(cpu_ns, (ns) => formatShare(ns / dt_ns))],
			['power', text(watts, formatWatts)],
			['run queue', text(wait_ns, formatNs)],
			['p99', text(wait_p99_ns, formatNs)],
			['IRQ', text(irq_time_ns, (ns) => formatShare(ns / dt_ns))],
			['IO', text(io_count, (count) => (count === 0 ? 'none' : `${formatCount(count)} ${formatBytes(io_bytes ?? 0)}`))],
			['p99', text(io_p99_ns, formatNs)],
			['state', text(state, (letter) => (reason === null ? letter : `${letter} (${reason})`))],
		),
	];
}

/** By power, or by CPU time where power is not known. */
function busiest({ rows, totals }: Overview): readonly OverviewRow[] {
	const figure = ({ watts, cpu_ns }: OverviewRow) => (totals.watts === null ? cpu_ns : watts) ?? 0;
	return [...rows]
		.filter((row) => figure(row) > 0)
		.sort((a, b) => figure(b) - figure(a))
		.slice(0, BUSIEST);
}

function busiestSpans(overview: Overview): Span[] {
	const rows = busiest(overview);
	if (rows.length === 0) return [];
	return [
		dim('  busiest '),
		...rows.flatMap(({ comm, pid, cpu_ns, watts }, index): Span[] => [
			dim(index > 0 ? ', ' : ''),
			pid > 0 ? `${comm}[${pid}]` : comm,
			dim(
				` ${[text(watts, formatWatts), text(cpu_ns, (ns) => formatShare(ns / overview.dt_ns))].filter((one) => one !== null).join(' ')}`,
			),
		]),
	];
}

/** @param at finds the snapshot of a tab by time */
export function momentLines(
	{ mono_ns, pid, start_time }: Moment,
	at: (tab: string, mono_ns: Ns) => Snapshot | undefined,
	width: number,
): Span[][] {
	const overview = at('overview', mono_ns) as Overview | undefined;
	if (!overview) return [];
	const own = pid > 0 ? overviewOf({ pid, start: start_time }, overview) : undefined;
	const process: Span[] =
		own !== undefined
			? processSpans(own, overview.dt_ns)
			: pid > 0
				? [dim(`  process ${pid}: no figures of it in that interval`)]
				: busiestSpans(overview);
	const findings = overview.findings.map(({ level, subject, text: what, rule }): Span[] => [
		dim('  finding '),
		[severityRole[level], rule],
		` ${subject} ${what}`,
	]);
	return [
		[['strong', 'in that interval'], dim(` of ${formatNs(overview.dt_ns)}`)],
		...wrapSpans(machineSpans(overview), width),
		...(process.length > 0 ? wrapSpans(process, width) : []),
		...findings.flatMap((spans) => wrapSpans(spans, width)),
		...(findings.length === 0 ? [[dim('  no finding')]] : []),
	];
}
