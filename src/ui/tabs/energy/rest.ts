/** Second display of the tab: idle states of the CPUs, and what ends their idle periods. */
import type { Snapshot } from '../../../core/snapshot.ts';
import { formatNs, formatRate, formatShare, formatWatts } from '../../../lib/format.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import { wattsOf } from '../../../tracers/energy/parts.ts';
import { wakeColumns } from '../../../tracers/energy/rest/columns.ts';
import type { RestField, WakeCauseField } from '../../../tracers/energy/rest/rest.ts';
import type { EnergyExtra, EnergyRow } from '../../../tracers/energy/snapshot.ts';
import type { TabContent, TabList, TabProps } from '../../tab.ts';
import { summaryLines } from '../../widgets/panes.tsx';

type Props = TabProps<WakeCauseField, EnergyExtra, EnergyRow>;

const ghz = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} GHz`;

function statesSpans({ states, source, driver, governor, packages }: RestField): Span[] {
	const idle = states.reduce((sum, { share }) => sum + share, 0);
	return [
		['strong', `idle ${formatShare(idle)}`],
		['dim', ' of the CPUs: '],
		...states.flatMap(({ name, share, mean_ns, disabled }): Span[] => [
			[disabled ? 'dim' : 'plain', `${name} ${formatShare(share)}`],
			['dim', `${disabled ? ' (off)' : ''}${mean_ns === null ? '' : ` ${formatNs(mean_ns)} each`}  `],
		]),
		['dim', source === 'proc' ? 'no cpuidle driver' : `${driver}${governor === '' ? '' : `, governor ${governor}`}`],
		...(packages.length > 1
			? packages.map(
					({ package: number, states: parts }): Span => [
						'plain',
						`  package ${number ?? '?'} ${parts.map(formatShare).join(' ')}`,
					],
				)
			: []),
	];
}

function wakesSpans({ wakes }: RestField, dt: number): Span[] {
	if (!wakes) return [['dim', 'wake-ups are counted from the next interval on']];
	const { per_s, mean_idle_ns, short_share, switched_share, wake_uj, own_per_s, full } = wakes;
	return [
		['strong', `${formatRate(per_s)} wake-ups/s`],
		['dim', ' mean idle '],
		formatNs(mean_idle_ns ?? Number.NaN),
		['dim', ' · '],
		`${formatShare(short_share ?? Number.NaN)} < 200µs`,
		['dim', ' · with a task '],
		formatShare(switched_share ?? Number.NaN),
		['dim', ' · cost '],
		wake_uj === null ? 'not known' : `about ${formatWatts(wattsOf(wake_uj, dt))} ±100%`,
		['dim', ' · wattlag itself '],
		`${formatRate(own_per_s)}/s`,
		...(full > 0 ? [['bad', ` · ${full} without room`] as Span] : []),
	];
}

function clockSpans({ frequency, throttling, cpus }: RestField): Span[] {
	const clocks = cpus.map((cpu) => cpu.ghz).filter((value) => value !== null);
	const mean = clocks.reduce((sum, value) => sum + value, 0) / clocks.length;
	return [
		...(frequency
			? ([
					['dim', 'clock '],
					clocks.length > 0 ? ghz(mean) : '–',
					['dim', ` of ${ghz(frequency.min_ghz)} to ${ghz(frequency.max_ghz)}, limit `],
					[frequency.capped ? 'warn' : 'plain', ghz(frequency.limit_ghz)],
					['dim', ` (${frequency.driver}, ${frequency.governor}${frequency.turbo === false ? ', turbo off' : ''})  `],
				] as Span[])
			: []),
		...(throttling
			? ([
					[
						throttling.events > 0 || throttling.cooling > 0 ? 'bad' : 'plain',
						`throttled by heat ${throttling.events} times`,
					],
					['dim', `, ${throttling.events_total} since boot`],
				] as Span[])
			: []),
	];
}

function summary(snapshot: Snapshot<EnergyRow, EnergyExtra>): Span[][] {
	const { rest, dt_ns } = snapshot;
	if (!rest) return [[['dim', 'this recording has no idle states']]];
	return [
		wakesSpans(rest, dt_ns),
		statesSpans(rest),
		// `missing` has the reason
		...(rest.frequency || rest.throttling ? [clockSpans(rest)] : []),
		...rest.missing.map((sentence): Span[] => [['dim', sentence]]),
	];
}

function content(props: Props): TabContent<WakeCauseField> {
	const { rest } = props.snapshot;
	return {
		title: 'Energy › rest',
		head: summaryLines(summary(props.snapshot), props),
		empty: rest?.wakes ? 'no idle period ended in this interval' : 'wake-ups are not counted yet',
	};
}

export const restList: TabList<WakeCauseField, EnergyExtra, EnergyRow> = {
	columns: wakeColumns,
	defaultSort: 'wakes',
	rowKey: ({ cause, pid, start_time }) => `${cause}|${pid}:${start_time}`,
	rows: ({ rest }) => rest?.wakes?.causes ?? [],
	content,
	nameOf: ({ cause, comm }) => (comm === '' ? cause : safe`${comm} ← ${cause}`),
	time: ({ idle_ns, wakes }) => (wakes > 0 ? idle_ns / wakes : 0),
};
