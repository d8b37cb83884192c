/** CPU time of interrupts by CPU: a line of glyphs, a list, and a heat map by source. */

import type { Snapshot } from '../../../core/snapshot.ts';
import { formatShare } from '../../../lib/format.ts';
import { fitCells } from '../../../lib/width.ts';
import { paint, type Role, type Span } from '../../../term/theme.ts';
import type { IrqExtra, IrqRow } from '../../../tracers/irq/snapshot.ts';
import { cpusPerCell, foldCpus, perCellText } from '../../widgets/cpu-strip.ts';
import { lineOf, widthOf } from '../../widgets/line.ts';
import { bar, levelGlyph } from '../../widgets/marks.ts';

export interface IrqShares {
	hard: number;
	soft: number;
	vector: number;
	total: number;
}

/** Time in interrupts summed over CPUs; 1 is one whole CPU. */
export function irqShares(snapshot: Snapshot<IrqRow, IrqExtra>): IrqShares {
	const shares = { hard: 0, soft: 0, vector: 0, total: 0 };
	for (const cpu of snapshot.cpu_share) {
		shares.hard += cpu.hard;
		shares.soft += cpu.soft;
		shares.vector += cpu.vector;
	}
	shares.total = shares.hard + shares.soft + shares.vector;
	return shares;
}

function loadRole(load: number): Role {
	return load >= 0.7 ? 'bad' : load >= 0.3 ? 'warn' : 'good';
}

/** A full block is a CPU that only handles interrupts. */
export function cpuSpans(snapshot: Snapshot<IrqRow, IrqExtra>, width: number): Span[] {
	const loads = snapshot.cpu_share.map((cpu) => ({ cpu: cpu.cpu, load: cpu.hard + cpu.soft + cpu.vector }));
	const busiest = loads.reduce((a, b) => (b.load > a.load ? b : a), { cpu: 0, load: 0 });
	const head: Span[] = ['busiest ', ['strong', `cpu${busiest.cpu}`], ` ${formatShare(busiest.load)}`];
	const perCell = cpusPerCell(loads.length, width - widthOf(head) - 15);
	const cells = foldCpus(
		loads.map(({ load }) => (load > 0.001 ? load : 0)),
		perCell,
	);
	return [
		...head,
		['dim', `   ${perCellText(perCell)} `],
		...cells.map((load): Span => [load === 0 ? 'dim' : loadRole(load), levelGlyph(load)]),
	];
}

/** One CPU per line; the busiest where there is no room for all. */
export function cpuLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	const barWidth = Math.max(0, width - 40);
	const all = snapshot.cpu_share.map((share) => ({ ...share, total: share.hard + share.soft + share.vector }));
	const room = height - 1;
	const sorted = all.length > room ? all.toSorted((a, b) => b.total - a.total) : all;
	const shown = all.length > room ? sorted.slice(0, Math.max(0, room - 1)) : sorted;
	const rest = sorted.slice(shown.length);
	return [
		paint(
			'dim',
			`${fitCells('CPU', 6)}${['total', 'hard', 'soft', 'vector'].map((title) => fitCells(title, 8, 'right')).join('')}`,
		),
		...shown.map(({ cpu, total, hard, soft, vector }) => {
			const figures = [total, hard, soft, vector].map((share) => fitCells(formatShare(share), 8, 'right')).join('');
			return `${fitCells(`cpu${cpu}`, 6)}${figures}  ${paint(loadRole(total), bar(total, barWidth))}`;
		}),
		...(rest.length > 0 && room > 0
			? [paint('dim', `… and ${rest.length} more CPUs, at most ${formatShare(rest[0]?.total ?? 0)} each`)]
			: []),
	];
}

/** Share of a CPU, 0–1, as a glyph: a share above 0 is visible, a full block is a CPU that only handles interrupts. */
function heatSpan(share: number, storm: boolean): Span {
	return [storm ? 'alert' : share === 0 ? 'dim' : loadRole(share), levelGlyph(share)];
}

/**
 * Lines × CPUs: a glyph for each CPU, or for the busiest of some neighbours where there are more CPUs than cells. The
 * rows of one CPU alone (group cpu) are put together again.
 */
export function heatLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	const last = snapshot.cpu_share.at(-1)?.cpu ?? 0;
	const names = Math.min(22, Math.max(12, width - 16));
	const nameWidth = last < width - names - 8 ? names : Math.min(16, names);
	const cells = Math.max(1, width - nameWidth - 8);
	const perCell = cpusPerCell(last + 1, cells);
	const strip = Math.ceil((last + 1) / perCell);
	const found = new Map<string, { name: string; time: number; shares: number[]; storms: boolean[] }>();
	for (const { kind, irq, name, cpus } of snapshot.rows) {
		if (kind === 'irq_time') continue;
		const key = `${kind} ${irq} ${name}`;
		const line = found.get(key) ?? { name: kind === 'hard' ? `${irq} ${name}` : name, time: 0, shares: [], storms: [] };
		found.set(key, line);
		for (const { cpu, time_ns, storm } of cpus) {
			const cell = Math.floor(cpu / perCell);
			line.time += time_ns;
			line.shares[cell] = Math.max(line.shares[cell] ?? 0, time_ns / snapshot.dt_ns);
			line.storms[cell] = line.storms[cell] || storm;
		}
	}
	const busiest = [...found.values()].sort((a, b) => b.time - a.time).slice(0, Math.max(0, height - 1));
	const of = perCell === 1 ? `cpu0–${last}` : perCellText(perCell);
	return [
		lineOf(width, [['dim', `${fitCells('heat: % of CPU', nameWidth)} ${fitCells('all', 6, 'right')} ${of}`]]),
		...busiest.map((line) =>
			lineOf(width, [
				fitCells(line.name, nameWidth),
				' ',
				fitCells(formatShare(line.time / snapshot.dt_ns), 6, 'right'),
				' ',
				...Array.from({ length: strip }, (_, cell) => heatSpan(line.shares[cell] ?? 0, line.storms[cell] ?? false)),
			]),
		),
	];
}
