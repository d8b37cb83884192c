/** Events by kind, reason and who, and one event with all fields. */

import { safe } from '../../../lib/sanitize.ts';
import { type EventRow, type EventsExtra, processOfEvent } from '../../../tracers/events/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabProps, TabView } from '../../tab.ts';
import { drawn } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { chainsList } from './chains.tsx';
import { detailLines } from './detail.ts';
import { help } from './help.ts';
import { streamList } from './stream.tsx';
import { summaryOf } from './summary.ts';

type Props = TabProps<EventRow, EventsExtra>;

interface DetailProps extends Area {
	tab: Props;
	row: EventRow | undefined;
}

const Detail = drawn(({ tab, row, width, height }: DetailProps) => (row ? detailLines(tab, row, width, height) : []));

function content(props: Props): TabContent<EventRow> {
	return {
		title: 'Events',
		head: summaryLines(summaryOf(props), props),
		whole: true,
		enter: processOfEvent(props.rows[props.selected]) ? 'its process' : undefined,
		empty: 'no event since start; events of normal operation are counted only (--events-all lists them)',
		pane: {
			rows: 8,
			least: 4,
			below: true,
			draw: (area, row = props.rows[0]) => <Detail tab={props} row={row} {...area} />,
		},
	};
}

export const eventsTab: TabView<EventRow, EventsExtra> = {
	content,
	nameOf: ({ kind, reason, who }) => safe`${kind as never} ${reason} ${who}`,
	detailFirst: true,
	views: ['groups', 'stream', 'wait chains'],
	lists: { stream: streamList, 'wait chains': chainsList } as never,
	help,
};
