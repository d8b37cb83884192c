/** Lateness of softirqs: a strip of CPUs for each vector. */

import type { Snapshot } from '../../../core/snapshot.ts';
import { formatNs, formatShare } from '../../../lib/format.ts';
import type { Count } from '../../../lib/units.ts';
import { fitCells } from '../../../lib/width.ts';
import type { Role, Span } from '../../../term/theme.ts';
import type { IrqExtra, IrqRow, Lateness } from '../../../tracers/irq/snapshot.ts';
import { cpusPerCell, foldCpus, perCellText } from '../../widgets/cpu-strip.ts';
import { lineOf } from '../../widgets/line.ts';

type Zones = Lateness['zones'];

/** By zone, from the earliest. */
const glyphs = ['▁', '▃', '▅', '█'];
const roles: readonly Role[] = ['good', 'good', 'warn', 'bad'];
/** A CPU is shown in the zone that one softirq in so many reaches: a single late one does not count. */
const ONE_IN = 100;

/** Cells from which on the legend is complete. */
const WIDE = 64;
const nameWidth = 9;
const figureWidth = 7;

/** The zone of the 99th percentile; -1: no softirq. */
export function worstZone(zones: readonly Count[]): number {
	const all = zones.reduce((sum, count) => sum + count, 0);
	let beyond = 0;
	for (let zone = zones.length - 1; zone >= 0; zone--) {
		beyond += zones[zone] as Count;
		if (beyond > 0 && beyond * ONE_IN >= all) return zone;
	}
	return -1;
}

interface Strip {
	name: string;
	all: Zones;
	/** Zone by CPU number. */
	cpus: number[];
}

/** The vector with most lateness first; rows of single CPUs (group cpu) are merged. */
function stripsOf({ rows }: Snapshot<IrqRow, IrqExtra>, cpus: number): Strip[] {
	const strips = new Map<string, Strip>();
	for (const { kind, name, cpus: parts } of rows) {
		if (kind !== 'soft') continue;
		const strip = strips.get(name) ?? { name, all: [0, 0, 0, 0], cpus: new Array(cpus).fill(-1) };
		strips.set(name, strip);
		for (const { cpu, late_zones } of parts) {
			if (!late_zones) continue;
			strip.cpus[cpu] = worstZone(late_zones);
			for (const [zone, count] of late_zones.entries()) strip.all[zone] = (strip.all[zone] as Count) + count;
		}
	}
	const late = ({ all: [first, second, third, fourth] }: Strip) => (third + fourth) / (first + second + third + fourth);
	return [...strips.values()].filter(({ all }) => worstZone(all) >= 0).sort((a, b) => late(b) - late(a));
}

function zoneName(zone: number, bounds: IrqExtra['late_zones_ns']): string {
	return zone === 0 ? `<${formatNs(bounds[0])}` : `≥${formatNs(bounds[zone - 1] as number)}`;
}

/** Legend, heading and a line per vector, as many as fit. */
export function latenessLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	const { late_zones_ns: bounds, cpu_share } = snapshot;
	const cpus = (cpu_share.at(-1)?.cpu ?? 0) + 1;
	const perCell = cpusPerCell(cpus, width - nameWidth - 2 * (figureWidth + 1) - 1);
	const strips = stripsOf(snapshot, cpus);
	if (strips.length === 0) return [lineOf(width, [['dim', 'no softirq was raised and begun in this interval']])];
	const wide = width >= WIDE;
	const legend = glyphs.flatMap((glyph, zone): Span[] => [
		[roles[zone] ?? 'plain', glyph],
		['dim', wide ? ` ${zoneName(zone, bounds)}  ` : `${zoneName(zone, bounds)} `],
	]);
	const figure = (text: string) => ` ${fitCells(text, figureWidth, 'right')}`;
	const heading = `${fitCells('VECTOR', nameWidth)}${[2, 3].map((zone) => figure(zoneName(zone, bounds))).join('')}`;
	const shown = strips.slice(0, Math.max(0, height - 2));
	return [
		lineOf(width, [...(wide ? [['dim', 'raise → entry, p99: '] as Span] : []), ...legend]),
		lineOf(width, [['dim', `${heading} ${perCellText(perCell)}`]]),
		...shown.map(({ name, all, cpus: zones }) => {
			const count = all.reduce((sum, one) => sum + one, 0);
			const from = (zone: number) => all.slice(zone).reduce((sum, one) => sum + one, 0) / count;
			return lineOf(width, [
				fitCells(name, nameWidth),
				figure(formatShare(from(2))),
				figure(formatShare(from(3))),
				' ',
				...foldCpus(zones, perCell).map((zone): Span => [roles[zone] ?? 'dim', glyphs[zone] ?? '·']),
			]);
		}),
	].slice(0, height);
}
