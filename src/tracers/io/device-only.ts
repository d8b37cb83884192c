/**
 * Time in devices at the least cost (`--device-only`), from bpf/io/io-device.bpf.c. Requests are counted by device and
 * operation and not followed: no processes, no slow requests, no requests in flight, no filters.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import { Unavailable } from '../../core/errors.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { constants, counted_program, type device_stats, maps } from '../../generated/io-device.ts';
import { safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { BlockDevices } from '../../system/block-devices.ts';
import { FILTER_OPTIONS } from './filter.ts';
import { KeyedStats, keyedStatsSizes } from './keyed-stats.ts';
import { type Counted, Rows } from './rows.ts';
import type { IoExtra, IoRow } from './snapshot.ts';

const NOTHING: IoExtra = {
	slow: [],
	slow_suppressed: 0,
	slow_threshold_ns: 0,
	inflight: [],
	inflight_count: 0,
	processes: [],
	associated: { requests: 0, submitter: 0, dirtied: 0, cgroup: 0, kernel: 0, none: 0 },
	requeues: 0,
	merged_bios: 0,
	merged_requests: 0,
	splits: 0,
	bypassed: 0,
	partial: 0,
	filter: safe``,
	full_path: {
		state: 'unavailable',
		reason: safe`--device-only measures the device only`,
		cost_share: 0,
		limit_share: 0.05,
	},
};

export class DeviceOnly implements Session<IoRow, IoExtra> {
	private readonly bpf: BpfSession;
	private readonly latencies = new LatencyReader();
	private readonly rows: Rows;
	private readonly source: Source;
	private readonly stats: KeyedStats<device_stats>;
	private unstamped: Count = 0;

	/** @throws {Unavailable} also for a filter option */
	constructor(host: Host, options: Options) {
		const filter = FILTER_OPTIONS.find((name) => options[name]);
		if (filter !== undefined)
			throw new Unavailable(`--device-only cannot filter by ${filter}`, `omit --${filter} or --device-only`);
		const stats = keyedStatsSizes(host, maps.device_stats.name);
		this.bpf = openBpf(host, 'io-device', {
			layout: constants,
			counted: counted_program,
			constants: stats.constants,
			shards: [maps.kinds.name],
			maxEntries: stats.maxEntries,
		});
		this.stats = new KeyedStats(this.bpf, maps.kinds, maps.device_stats);
		this.rows = new Rows(() => this.counted(), new BlockDevices(host.sysRoot), ['device', 'total']);
		this.source = {
			kind: 'tracepoint',
			description: 'every block request from its issue to its completion; `total` is the same time',
			uncertainty:
				'counts and bytes exact; times from the kernel’s stamp of the issue, which requests issued together share: up to some µs too long; percentiles ±25 %',
			hooks: [...this.bpf.hooks],
			lacks: 'stages',
		};
	}

	read(_dt: Ns, group: string): Reading<IoRow, IoExtra> {
		this.latencies.nextInterval(this.bpf);
		this.unstamped = 0;
		this.rows.read(this.latencies);
		const gone = this.rows.gone();
		return {
			rows: group === 'process' ? [] : this.rows.rows(group),
			ungrouped: () => this.rows.rows('operation'),
			extra: gone.length > 0 ? { ...NOTHING, gone } : NOTHING,
			source: this.source,
			lost: { unseen_start: this.unstamped, stats_full: this.stats.full },
		};
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	private *counted(): Generator<Counted> {
		for (const { id, key, value } of this.stats.entries()) {
			const { count, bytes, errors, unstamped, device } = value;
			this.unstamped += unstamped;
			yield { id, key, count, bytes, errors, heldBack: 0, stages: [device, device] };
		}
	}
}
