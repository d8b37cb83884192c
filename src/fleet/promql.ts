/**
 * The queries of a refresh: their number does not depend on the number of hosts. Any server of the Prometheus HTTP API
 * answers them. A figure that wattlag lacks on a host comes from node_exporter where it has it.
 */

export interface QueryOptions {
	/** Window of rates, s: four scrapes at least. */
	window: number;
	/** Matchers that every series must have: `job="wattlag"`; empty: none. */
	selector: string;
}

/** A host that was seen within this time is listed, even if it is down. */
const REMEMBERED = '1h';

/** Name of the figure, as a label: several figures are the answer of one query. */
function named(figure: string, query: string): string {
	return `label_replace(${query}, "figure", "${figure}", "", "")`;
}

export type QueryName = 'hosts' | 'age' | 'findings' | 'cpu' | 'power' | 'wait' | 'io' | 'rates';

/** The labels that identify a host, in all queries. */
const BY = 'by (instance, job)';

export function queries({ window, selector }: QueryOptions): Record<QueryName, string> {
	const of = (name: string, ...matchers: string[]) => {
		const all = [...matchers, selector].filter((one) => one !== '').join(',');
		return all === '' ? name : `${name}{${all}}`;
	};
	const rate = (name: string, ...matchers: string[]) => `rate(${of(name, ...matchers)}[${window}s])`;
	return {
		hosts: `last_over_time(${of('wattlag_build_info')}[${REMEMBERED}]) or last_over_time(${of('node_uname_info')}[${REMEMBERED}])`,
		age: `time() - max ${BY} (last_over_time(${of('wattlag_snapshot_timestamp_seconds')}[${REMEMBERED}])) or time() - timestamp(${of('node_uname_info')})`,
		findings: `${of('wattlag_finding_since_timestamp_seconds')} and topk ${BY} (1, ${of('wattlag_finding_level')})`,
		cpu: `sum ${BY} (${rate('wattlag_cpu_seconds_total')}) or sum ${BY} (${rate('node_cpu_seconds_total', 'mode!~"idle|iowait|steal"')})`,
		power: [
			named('watts', `sum ${BY} (${rate('wattlag_energy_joules_total')})`),
			named('error', `max ${BY} (${of('wattlag_energy_uncertainty_ratio')})`),
		].join(' or '),
		wait: `histogram_quantile(0.99, sum by (instance, job, le) (${rate('wattlag_runqueue_wait_seconds_bucket')}))`,
		io: `histogram_quantile(0.99, sum by (instance, job, le) (${rate('wattlag_io_seconds_bucket', 'stage="total"')}))`,
		rates: [
			named('irq', `sum ${BY} (${rate('wattlag_irq_seconds_total')})`),
			named('events', `sum ${BY} (${rate('wattlag_events_total', 'reason!="normal"')})`),
			named(
				'drops',
				`sum ${BY} (${rate('wattlag_receive_packets_total', 'fate="dropped"')}) or sum ${BY} (${rate('node_network_receive_drop_total')})`,
			),
			named('lost', `sum ${BY} (${rate('wattlag_lost_events_total')})`),
		].join(' or '),
	};
}
