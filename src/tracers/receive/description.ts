/** Received packets: time by stage from the driver to the process that reads them. */

import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import type { ReceiveRow } from './snapshot.ts';

export const receiveDescription: Description<ReceiveRow> = {
	id: 'receive',
	title: 'Receive',
	summary:
		'Received packets by protocol and device: rate, bytes, and the time from the driver to the process that reads them.',
	columns,
	defaultSort: 'count',
	groups: ['protocol', 'device'],
	options: [],
	onDemand: true,
	rowKey: ({ device, protocol }) => `${device} ${protocol}`,
};
