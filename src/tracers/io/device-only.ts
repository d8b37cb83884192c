/**
 * Time in devices at the least cost (`--device-only`), from bpf/io/io-device.bpf.c. Requests are counted by device and
 * operation and not followed: no processes, no slow requests, no requests in flight, no filters.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { KeyedStore } from '../../bpf/keyed-store.ts';
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
import { kindOf, kindStore } from './kinds.ts';
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
	private readonly stats: KeyedStore<device_stats>;
	private unstamped: Count = 0;

	/** @throws {Unavailable} also for a filter option */
	constructor(host: Host, options: Options) {
		const filter = FILTER_OPTIONS.find((name) => options[name]);
		if (filter !== undefined)
			throw new Unavailable(`--device-only cannot filter by ${filter}`, `omit --${filter} or --device-only`);
		const size = kindStore(host, 1);
		this.bpf = openBpf(host, 'io-device', {
			layout: constants,
			counted: counted_program,
			stores: { [maps.stats.name]: size },
		});
		this.stats = new KeyedStore(this.bpf, maps.stats, size);
		this.rows = new Rows(new BlockDevices(host.sysRoot), ['device', 'total']);
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
		this.rows.read(this.counted(this.latencies.nextInterval(this.bpf)));
		const gone = this.rows.gone();
		return {
			rows: group === 'process' ? [] : this.rows.rows(group),
			ungrouped: () => this.rows.rows('operation'),
			extra: gone.length > 0 ? { ...NOTHING, gone } : NOTHING,
			source: this.source,
			lost: { unseen_start: this.unstamped, stats_full: this.stats.full },
		};
	}

	cost(fresh?: boolean) {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	private *counted(ended: number): Generator<Counted> {
		for (const { claim, value } of this.stats.changed(ended)) {
			const device = claim.difference(this.latencies, 'device', value.device);
			this.unstamped += claim.grown('unstamped', value.unstamped);
			yield {
				key: kindOf(claim.a),
				count: claim.grown('count', value.count),
				bytes: claim.grown('bytes', value.bytes),
				errors: claim.grown('errors', value.errors),
				heldBack: 0,
				stages: [device, device],
			};
		}
	}
}
