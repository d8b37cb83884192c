/** The fleet: a table of hosts, and a line about the source of its figures. */

import type { FleetRow } from '../../../fleet/rows.ts';
import type { FleetExtra } from '../../../fleet/tracer.ts';
import { formatCount } from '../../../lib/format.ts';
import { sanitize } from '../../../lib/sanitize.ts';
import type { TabContent, TabProps, TabView } from '../../tab.ts';
import { lineOf } from '../../widgets/line.ts';

function content({ snapshot, width }: TabProps<FleetRow, FleetExtra>): TabContent<FleetRow> {
	const { engine, hosts, down, refresh_ms, error, peers, rows } = snapshot;
	const severe = rows.filter(({ severity }) => severity === 3).length;
	const head = [
		lineOf(width, [
			['strong', formatCount(hosts, 6).trim()],
			['dim', hosts === 1 ? ' host, ' : ' hosts, '],
			[down > 0 ? 'bad' : 'dim', `${down} down`],
			['dim', ', '],
			[severe > 0 ? 'bad' : 'dim', `${severe} severe`],
			['dim', `; ${engine}; peers by ${peers}; refresh `],
			error === '' ? ['dim', refresh_ms === null ? '–' : `${refresh_ms} ms`] : ['bad', sanitize(`failed: ${error}`)],
		]),
	];
	return {
		title: 'Host',
		head,
		empty: hosts === 0 ? 'no host is known to that server yet' : 'no host matches the filter',
	};
}

export const fleetTab: TabView<FleetRow, FleetExtra> = {
	content,
};
