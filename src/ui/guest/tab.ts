/** A guest's moment on its host: `wattlag replay GUEST --host HOST`. */
import { formatShare } from '../../lib/format.ts';
import { safe } from '../../lib/sanitize.ts';
import type { BesideExtra, BesideRow } from '../../recording/guest/beside.ts';
import type { Span } from '../../term/theme.ts';
import type { HelpSection, TabContent, TabProps, TabView } from '../tab.ts';
import { summaryLines } from '../widgets/panes.tsx';

type Props = TabProps<BesideRow, BesideExtra>;

/** Names that are listed. */
const NAMES = 3;

const share = (value: number | null): string => (value === null ? '–' : formatShare(value));

function stolenSpans({ snapshot }: Props): Span[] {
	const { report, steal_share, waited_share, host_time } = snapshot;
	const { guest, host, machine } = report;
	return [
		['strong', ` ${guest.host}`],
		['dim', steal_share === null ? '  stolen not reported' : '  stolen '],
		...(steal_share === null ? [] : [[steal_share >= 0.1 ? 'bad' : 'plain', share(steal_share)] as Span]),
		['dim', '   on '],
		['strong', host.host],
		...(host_time === null
			? [['warn', ': nothing was recorded there at this time'] as Span]
			: machine === null
				? [['warn', `: ${report.found}`] as Span]
				: [['dim', ` ${machine.comm}[${machine.pid}] waited `] as Span, share(waited_share)]),
	];
}

/** Processes that ran on the host meanwhile, by name. */
function ranSpans({ snapshot }: Props): Span[] {
	const names = new Map<string, number>();
	for (const { ran_ns, comm } of snapshot.rows)
		if ((ran_ns ?? 0) > 0) names.set(comm, (names.get(comm) ?? 0) + (ran_ns ?? 0));
	const all = [...names.values()].reduce((sum, ns) => sum + ns, 0);
	if (all === 0) return [];
	const top = [...names].sort((a, b) => b[1] - a[1]).slice(0, NAMES);
	return [
		['dim', ' meanwhile on the host '],
		...top.flatMap(([name, ns], index): Span[] => [
			...(index > 0 ? [['dim', ', '] as Span] : []),
			['accent', name],
			` ${formatShare(ns / all)}`,
		]),
		['dim', snapshot.exact ? '  (had the CPU)' : '  (by CPU time)'],
	];
}

function content(props: Props): TabContent<BesideRow> {
	const { report, processes } = props.snapshot;
	return {
		title: `Processes: ${processes.host} of the host, ${processes.guest} of the guest`,
		head: summaryLines([stolenSpans(props), ranSpans(props), [['dim', ` aligned ${report.aligned}`]]], props),
		empty: 'nothing was recorded at this time',
	};
}

const help: readonly HelpSection[] = [
	{
		title: 'Guest and host',
		entries: [
			['aligned', 'how the clocks of both were matched, and how sure that is'],
			['stolen', 'time that the guest’s kernel says its virtual CPUs were ready and did not run'],
			['waited', 'waits for a CPU of the virtual machine’s threads on the host, over the time of its virtual CPUs'],
			['RAN', 'part of that waiting during which a process of the host ran'],
		],
	},
];

export const hostView: TabView<BesideRow, BesideExtra> = {
	content,
	nameOf: ({ comm, side }) => safe`${comm} (${side as never})`,
	help,
};
