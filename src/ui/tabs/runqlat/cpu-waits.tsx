/** Waiting per CPU, which shows imbalance: a strip of one glyph per CPU, and a list. */
import { formatCount, formatNs, formatShare } from '../../../lib/format.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { fitCells } from '../../../lib/width.ts';
import { paint, type Span } from '../../../term/theme.ts';
import type { Area } from '../../layout/split.ts';
import { cpusPerCell, foldCpus, perCellText } from '../../widgets/cpu-strip.ts';
import { lineOf, widthOf } from '../../widgets/line.ts';
import { drawn } from '../../widgets/lines.tsx';
import { bar, levelGlyph } from '../../widgets/marks.ts';

/** Waits that ended on one CPU in the interval. */
export interface CpuWait {
	cpu: number;
	count: Count;
	wait_ns: Ns;
	p99_ns: Ns;
}

function total(cpus: readonly CpuWait[]): Ns {
	return cpus.reduce((sum, { wait_ns }) => sum + wait_ns, 0);
}

function longestFirst(cpus: readonly CpuWait[]): CpuWait[] {
	return cpus.toSorted((a, b) => b.wait_ns - a.wait_ns);
}

/** A glyph per CPU by its waiting; the highest is named, which shows imbalance. */
export function cpuLine(cpus: readonly CpuWait[], width: number): Span[] {
	const sum = total(cpus);
	const [worst] = longestFirst(cpus);
	if (!worst || sum === 0) return [['dim', 'waiting per CPU: none']];
	const most: Span[] = [
		['dim', '   most on '],
		['strong', `cpu${worst.cpu}`],
		` ${formatShare(worst.wait_ns / sum)}`,
		['dim', ` (even: ${formatShare(1 / cpus.length)}), p99 `],
		formatNs(worst.p99_ns),
	];
	const perCell = cpusPerCell(cpus.length, Math.max(8, width - widthOf(most) - 20));
	const cells = foldCpus(
		cpus.map(({ wait_ns }) => wait_ns / worst.wait_ns),
		perCell,
	);
	return [['dim', `waiting ${perCellText(perCell)} `], cells.map(levelGlyph).join(''), ...most];
}

/** The CPUs with most waiting, with bars; those that do not fit are added up. */
export function cpuLines(cpus: readonly CpuWait[], width: number, height: number): string[] {
	const sum = total(cpus);
	if (sum === 0) return [paint('dim', '  no task waited for a CPU in this interval')];
	const sorted = longestFirst(cpus);
	const room = height - 1;
	const shown = sorted.length > room ? sorted.slice(0, Math.max(0, room - 1)) : sorted;
	const rest = sorted.slice(shown.length);
	const cells = (name: string, count: string, wait: string, share: string, p99: string) =>
		`${fitCells(name, 7, 'right')} ${fitCells(count, 7, 'right')} ${[wait, share, p99].map((text) => fitCells(text, 7, 'right')).join(' ')}`;
	const most = shown[0]?.wait_ns ?? sum;
	const even = 1 / cpus.length;
	return [
		paint('dim', lineOf(width, [`${cells('CPU', 'WAITS', 'WAIT', 'SHARE', 'P99')} even: ${formatShare(even)} each`])),
		...shown.map(({ cpu, count, wait_ns, p99_ns }) => {
			const share = wait_ns / sum;
			const figures = cells(String(cpu), formatCount(count), formatNs(wait_ns), formatShare(share), formatNs(p99_ns));
			// marked from twice the even share on; one CPU alone has no imbalance
			const role = cpus.length > 1 && share >= even * 2 ? 'bad' : 'good';
			return lineOf(width, [`${figures} `, [role, bar(wait_ns / most, Math.max(0, width - 41))]]);
		}),
		...(rest.length > 0
			? [
					paint(
						'dim',
						lineOf(width, [
							`    … ${rest.length} more CPUs: ${formatNs(total(rest))}, at most ${formatNs(rest[0]?.wait_ns ?? 0)} each`,
						]),
					),
				]
			: []),
	].slice(0, height);
}

export const CpuWaits = drawn(({ cpus, width, height }: Area & { cpus: readonly CpuWait[] }) =>
	cpuLines(cpus, width, height),
);
