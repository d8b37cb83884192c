/** The fleet as a tab: what the screen needs to show hosts as it shows processes. Nothing of it is measured here. */
import type { Description } from '../core/tracer.ts';
import { columns } from './columns.ts';
import type { FleetRow } from './rows.ts';

export interface FleetExtra {
	/** Where the rows come from. */
	engine: string;
	/** Label whose hosts are peers. */
	peers: string;
	/** Time of the refresh, ms; null: it failed. */
	refresh_ms: number | null;
	/** Why the last refresh failed; empty: it did not. */
	error: string;
	hosts: number;
	down: number;
}

/** @param labels groups beside single hosts */
export function fleetTracer(labels: readonly string[]): Description<FleetRow> {
	return {
		id: 'fleet',
		title: 'Fleet',
		summary: 'Each host with its worst finding and its figures, outliers among their peers first.',
		columns,
		defaultSort: 'out',
		groups: ['host', ...labels],
		options: [],
		terms: async () => [
			['peers', 'the hosts with the same value of the label --peers (job by default)'],
			['Enter', 'opens the host: ssh HOST wattlag agent --stdio; all tabs work there as here'],
		],
		rowKey: ({ host, instance, hosts }) => `${hosts === 1 ? '' : 'group '}${host}\0${instance}`,
	};
}
