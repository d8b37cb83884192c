/** The machine in one line, and its memory and network in another. */
import { formatBytes, formatNs, formatRate, formatShare, formatWatts } from '../../../lib/format.ts';
import { textWidth } from '../../../lib/width.ts';
import { type Resource, resources } from '../../../system/pressure.ts';
import type { Role, Span } from '../../../term/theme.ts';
import type { OverviewExtra } from '../../../tracers/overview/snapshot.ts';
import { type Piece, statusLine } from '../../widgets/line.ts';
import { bar } from '../../widgets/marks.ts';

const resourceNames: Record<Resource, string> = { cpu: 'cpu', memory: 'mem', io: 'io', irq: 'irq' };

/** Share of stolen time from which it is worth a word. */
const STOLEN_WORTH = 0.01;

export function metersLine({ totals, pressure }: OverviewExtra, dt_ns: number, width: number): string {
	const { cpus, busy_ns, watts, wait_ns, wait_p99_ns, irq_ns, io_count, io_bytes, steal_ns = 0 } = totals;
	const stolen = cpus === null ? 0 : steal_ns / (dt_ns * cpus);
	const busy = busy_ns === null || cpus === null ? Number.NaN : busy_ns / (dt_ns * cpus);
	const tone: Role = busy >= 0.9 ? 'bad' : busy >= 0.7 ? 'warn' : 'good';
	const cells = width >= 120 ? 16 : 6;
	const meter = bar(Math.min(1, busy), cells);
	const seconds = dt_ns / 1e9;
	const stalls = resources.flatMap((resource): Span[] => {
		const stall = pressure?.[resource];
		if (!stall) return [];
		// for interrupts the kernel has the full figure only
		const share = Math.min(1, (resource === 'irq' ? stall.full_ns : stall.some_ns) / dt_ns);
		return [
			['dim', ` ${resourceNames[resource]} `],
			[share >= 0.1 ? 'warn' : 'plain', formatShare(share)],
		];
	});
	const pieces: Piece[] = [
		{
			spans: [['dim', 'CPU '], [tone, meter], ['dim', '·'.repeat(cells - textWidth(meter))], ` ${formatShare(busy)}`],
			drop: 0,
		},
		{ spans: [['dim', stalls.length > 0 ? 'PSI' : 'PSI –'], ...stalls], drop: 1 },
		{
			spans:
				stolen < STOLEN_WORTH
					? []
					: [
							['dim', 'stolen '],
							[stolen >= 0.1 ? 'bad' : 'warn', formatShare(stolen)],
						],
			drop: 1,
		},
		{ spans: watts === null ? [] : [['strong', formatWatts(watts)]], drop: 2 },
		{
			spans:
				wait_ns === null
					? []
					: [
							['dim', 'wait '],
							formatNs(wait_ns),
							...(wait_p99_ns === null ? [] : ([['dim', ' p99 '], formatNs(wait_p99_ns)] as Span[])),
						],
			drop: 3,
		},
		{ spans: irq_ns === null ? [] : [['dim', 'irq '], formatShare(irq_ns / dt_ns)], drop: 4 },
		{
			spans:
				io_count === null
					? []
					: [['dim', 'IO '], `${formatRate(io_count / seconds)}/s ${formatBytes((io_bytes ?? 0) / seconds)}/s`],
			drop: 5,
		},
	];
	return statusLine(width, pieces);
}

/** Memory, swap and network; empty: none of it is known. */
export function memoryLine({ totals }: Pick<OverviewExtra, 'totals'>, dt_ns: number, width: number): string {
	const { memory_bytes, memory_available_bytes, swap_bytes, swap_used_bytes } = totals;
	const { received_bytes, sent_bytes, packets_dropped } = totals;
	const seconds = dt_ns / 1e9;
	const used = (memory_bytes ?? Number.NaN) - (memory_available_bytes ?? Number.NaN);
	const share = used / (memory_bytes ?? Number.NaN);
	const tone: Role = share >= 0.95 ? 'bad' : share >= 0.85 ? 'warn' : 'plain';
	const pieces: Piece[] = [
		{
			spans: Number.isFinite(used)
				? [
						['dim', 'memory '],
						[tone, formatBytes(used)],
						['dim', ` of ${formatBytes(memory_bytes ?? 0)} in use`],
					]
				: [],
			drop: 0,
		},
		{
			spans:
				swap_bytes === null
					? []
					: swap_bytes === 0
						? [['dim', 'no swap']]
						: [['dim', 'swap '], formatBytes(swap_used_bytes ?? Number.NaN), ['dim', ` of ${formatBytes(swap_bytes)}`]],
			drop: 2,
		},
		{
			spans:
				received_bytes === null
					? []
					: [
							['dim', 'network in '],
							`${formatBytes(received_bytes / seconds)}/s`,
							['dim', ' out '],
							`${formatBytes((sent_bytes ?? 0) / seconds)}/s`,
							...((packets_dropped ?? 0) > 0
								? ([
										['dim', ' dropped '],
										['warn', `${formatRate((packets_dropped ?? 0) / seconds)}/s`],
									] as Span[])
								: []),
						],
			drop: 1,
		},
	];
	return pieces.some(({ spans }) => spans.length > 0) ? statusLine(width, pieces) : '';
}
