/** Received packets: time by stage from the driver to the process that reads them. */

import type { Tracer } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { ReceiveSession } from './session.ts';
import type { ReceiveExtra, ReceiveRow } from './snapshot.ts';

export const receive: Tracer<ReceiveRow, ReceiveExtra> = {
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
	start: (host) => new ReceiveSession(host),
};
