/** Lens: watts, joules and CPU time of one process. */

import { timelineOf } from '../../history/timeline.ts';
import { formatMicroJoules, formatNs, formatShare, formatWatts } from '../../lib/format.ts';
import type { Span } from '../../term/theme.ts';
import { wattsOf } from '../../tracers/energy/parts.ts';
import { energyOf, type LensContext, newest, type Section, TREND } from './context.ts';

/** Watts over time; the share of a CPU where there are no watts. */
function trend({ process, histories: { energy } }: LensContext): number[] {
	const time = energy.at(-1)?.source.kind === 'time';
	return energy.slice(-TREND).map((snapshot) => {
		const row = energyOf(process, snapshot);
		if (!row || (row.unmeasured && !time)) return Number.NaN;
		return time ? row.cpu_ns / snapshot.dt_ns : wattsOf(row.energy_uj, snapshot.dt_ns);
	});
}

export const energySection: Section = {
	tab: 'energy',
	title: 'Energy',
	trend,
	figures({ process, histories }) {
		const found = newest(histories.energy, (snapshot) => energyOf(process, snapshot));
		if (!found) return [['dim', histories.energy.length > 0 ? 'no figures of it yet' : 'attaching…']];
		const { row, snapshot } = found;
		const watts = row.unmeasured ? Number.NaN : row.watts;
		const joules = row.unmeasured && row.energy_uj_total === 0 ? Number.NaN : row.energy_uj_total;
		return [
			['strong', formatWatts(watts)],
			['warn', ` ${snapshot.source.kind}`],
			['dim', '  CPU '],
			formatShare(row.cpu_ns / snapshot.dt_ns),
			['dim', '  since start '],
			formatMicroJoules(joules),
			['dim', '  CPU time '],
			formatNs(row.cpu_ns_total),
			...(snapshot.classes ?? []).flatMap(({ name, second_uj }): Span[] => [
				['dim', `  a ${name} second `],
				formatMicroJoules(second_uj ?? Number.NaN),
			]),
			['dim', `  ${snapshot.source.uncertainty}`],
		];
	},
	details(context) {
		const { chart, histories, width, tall } = context;
		const values = trend(context);
		const last = histories.energy.at(-1);
		if (!chart || !last || values.filter((value) => value > 0).length < 2) return [];
		const format = last.source.kind === 'time' ? formatShare : formatWatts;
		const series = [{ role: 'series1' as const, values }];
		return chart({ series, width, height: tall ? 11 : 6, format, timeline: timelineOf(histories.energy) });
	},
};
