/** Lines above the table: counted, hidden and suppressed events, blocked tasks. */
import { formatCount, formatNs } from '../../../lib/format.ts';
import type { Span } from '../../../term/theme.ts';
import type { EventRow, EventsExtra } from '../../../tracers/events/snapshot.ts';
import type { TabProps } from '../../tab.ts';

type Summary = Pick<TabProps<EventRow, EventsExtra>, 'snapshot'>;

export function summaryOf({ snapshot }: Summary): Span[][] {
	const { reasons, hidden_count, events_left_out, wait_chains, blocked, kernel_log, rows } = snapshot;
	const shown = reasons.filter(({ hidden }) => !hidden);
	const count = shown.reduce((sum, reason) => sum + reason.count, 0);
	const suppressed = shown.reduce((sum, reason) => sum + reason.suppressed, 0) + events_left_out;
	const first: Span[] = [
		['strong', formatCount(count)],
		['dim', ' events in this interval, '],
		`${rows.length} groups`,
		['dim', ' since start'],
		...(suppressed > 0 ? ([['warn', `; ${formatCount(suppressed)} without a record`]] as Span[]) : []),
		['dim', `; ${formatCount(hidden_count)} of normal operation hidden`],
		...(kernel_log === 'read' ? [] : ([['warn', `; kernel log ${kernel_log}`]] as Span[])),
	];
	const [chain] = wait_chains;
	const waiting: Span[][] = chain
		? [
				[
					['bad', `${blocked.length} blocked: `],
					chain.text,
					['dim', blocked[0] ? ` · oldest ${formatNs(blocked[0].age_ns)}` : ''],
				],
			]
		: [];
	return [...waiting, first];
}
