/**
 * Block IO: requests by device and operation, and how long they waited in the scheduler and in the device. From
 * bpf/io.bpf.c, which also says what counts as one request.
 */
import { BlockDevices, devText } from '../block-devices.ts';
import { constants, io_op, maps, slow_request } from '../generated/io.ts';
import type { Inflight, IoExtra, IoRow, SlowRequest } from '../io/snapshot.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import { type StageStats, waterfall } from '../stages/figures.ts';
import type { Bytes, Count, Ns } from '../units.ts';
import { type BpfSession, openBpf, viewOf } from './bpf-session.ts';
import { HashReader } from './hash-reader.ts';
import { Distribution, LatencyReader } from './latency.ts';
import type { Column, Host, Options, Reading, Session, Source, Tracer } from './tracer.ts';

/** Members of `struct io_stats` that are stages, in the order in which a request goes through them. */
const STAGES = ['queue', 'device', 'total'] as const;
type Stage = (typeof STAGES)[number];

/** Listed of those in flight. */
const INFLIGHT_LISTED = 64;

/** From this age on we ask the kernel whether a request is still in flight: its completion may have been missed. */
const SUSPECT_AGE: Ns = 1e9;

/** Operations that the kernel's count of requests in flight covers. */
const COUNTED_IN_FLIGHT: ReadonlySet<number> = new Set([
	io_op.IO_READ,
	io_op.IO_WRITE,
	io_op.IO_DISCARD,
	io_op.IO_WRITE_ZEROES,
]);

/** One request of the kernel's table. */
type Tracked = ReturnType<typeof maps.requests.value.read>['ways'][number];

/** The kernel's names, by the number that the BPF object gives them. */
const OP_NAMES = new Map<number, SafeText>(
	Object.entries(io_op).map(([name, value]) => [value, sanitize(name.replace(/^IO_/, '').toLowerCase())]),
);

function opName(op: number): SafeText {
	return OP_NAMES.get(op) ?? safe`op_${op}`;
}

/** Buckets of four requests: a deep queue for each CPU. A power of two. */
function requestBits(possibleCpus: number): number {
	return Math.min(14, Math.max(8, Math.ceil(Math.log2(128 * possibleCpus))));
}

/** Devices × operations × CPUs the kernel has room for. */
function statsEntries(possibleCpus: number): number {
	return Math.min(16384, 256 + 64 * possibleCpus);
}

/** What is summed up in one row. */
interface Line {
	dev: number;
	op: SafeText;
	count: Count;
	bytes: Bytes;
	count_total: Count;
	bytes_total: Bytes;
	stages: Record<Stage, Distribution>;
	stages_total: Record<Stage, { count: Count; sum_ns: Ns }>;
}

/** What was read of one device, operation and CPU before. */
interface Before {
	count: Count;
	bytes: Bytes;
	stages: Record<Stage, { count: Count; sum_ns: Ns }>;
}

function byStage<T>(make: (stage: Stage) => T): Record<Stage, T> {
	return { queue: make('queue'), device: make('device'), total: make('total') };
}

class IoSession implements Session<IoRow, IoExtra> {
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly stats: HashReader<ReturnType<typeof maps.stats.key.read>, ReturnType<typeof maps.stats.value.read>>;
	private readonly latencies = new LatencyReader();
	private readonly before = new Map<string, Before>();
	private readonly requests: Uint8Array;
	private readonly slowThreshold: Ns;
	private readonly source: Source;
	/** Requests known to be open only because their completion was missed. */
	private missed: Set<string> = new Set();
	private missedCompletions: Count = 0;
	private suppressed: Count = 0;
	private requeues: Count = 0;

	constructor(bpf: BpfSession, devices: BlockDevices, slowThreshold: Ns) {
		this.bpf = bpf;
		this.devices = devices;
		this.slowThreshold = slowThreshold;
		this.stats = new HashReader(bpf, maps.stats, statsEntries(bpf.possibleCpus));
		this.requests = new Uint8Array(maps.requests.value.size << requestBits(bpf.possibleCpus));
		this.source = {
			kind: 'tracepoint',
			description:
				'every block request, from its insertion into the IO scheduler over its issue to the driver to its completion',
			uncertainty:
				'counts, bytes and times exact; percentiles ±25 %; waiting before the scheduler (plug, tags) is not seen',
			hooks: [...bpf.hooks],
		};
	}

	read(_dt: Ns, group: string): Reading<IoRow, IoExtra> {
		this.latencies.nextInterval(this.bpf);
		const rows = this.readRows(group);
		const shards = this.bpf.shards(maps.io_cpus);
		const sum = (of: (shard: (typeof shards)[number]) => number): number =>
			shards.reduce((total, shard) => total + of(shard), 0);
		const [suppressed, requeues] = [sum((shard) => shard.slow_suppressed), sum((shard) => shard.requeues)];
		const extra: IoExtra = {
			slow: this.readSlow(),
			slow_suppressed: suppressed - this.suppressed,
			slow_threshold_ns: this.slowThreshold,
			...this.readInflight(),
			requeues: requeues - this.requeues,
			processes: [],
			associated: { requests: 0, submitter: 0, dirtied: 0, cgroup: 0, kernel: 0, none: 0 },
			merged_bios: 0,
			merged_requests: 0,
			splits: 0,
			bypassed: 0,
			partial: 0,
			filter: safe``,
			full_path: { state: 'off', reason: safe``, cost_share: 0, limit_share: 0.05 },
		};
		this.suppressed = suppressed;
		this.requeues = requeues;
		return {
			rows,
			extra,
			source: this.source,
			lost: {
				unseen_start: sum((shard) => shard.unseen_start),
				requests_full: sum((shard) => shard.requests_full),
				stats_full: sum((shard) => shard.stats_full),
				missed_completion: this.missedCompletions,
			},
		};
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	private readRows(group: string): IoRow[] {
		const lines = new Map<string, Line>();
		for (const { id, key, value } of this.stats.entries()) {
			let before = this.before.get(id);
			if (!before) {
				before = { count: 0, bytes: 0, stages: byStage(() => ({ count: 0, sum_ns: 0 })) };
				this.before.set(id, before);
			}
			const op = group === 'device' ? safe`all` : opName(key.op);
			const name = `${key.dev} ${op}`;
			let line = lines.get(name);
			if (!line) {
				line = {
					dev: key.dev,
					op,
					count: 0,
					bytes: 0,
					count_total: 0,
					bytes_total: 0,
					stages: byStage(() => new Distribution()),
					stages_total: byStage(() => ({ count: 0, sum_ns: 0 })),
				};
				lines.set(name, line);
			}
			line.count += value.count - before.count;
			line.bytes += value.bytes - before.bytes;
			line.count_total += value.count;
			line.bytes_total += value.bytes;
			before.count = value.count;
			before.bytes = value.bytes;
			for (const stage of STAGES) {
				const interval = this.latencies.difference(`${stage} ${id}`, value[stage]);
				const total = before.stages[stage];
				total.count += interval.count;
				total.sum_ns += interval.sum_ns;
				line.stages[stage].add(interval);
				line.stages_total[stage].count += total.count;
				line.stages_total[stage].sum_ns += total.sum_ns;
			}
		}
		return [...lines.values()].map((line) => ({
			...line,
			device: this.devices.name(line.dev),
			dev: devText(line.dev),
			stages: byStage((stage) => stageStats(line.stages[stage])),
		}));
	}

	private readSlow(): SlowRequest[] {
		const slow: SlowRequest[] = [];
		this.bpf.drain(maps.slow_requests.name, (view, at) => {
			const { mono_ns, dev, op, sector, bytes, pid, comm, queued, queue_ns, device_ns, total_ns } = slow_request.read(
				view,
				at,
			);
			const stages = { ...(queued ? { queue: queue_ns } : {}), device: device_ns, total: total_ns };
			slow.push({
				device: this.devices.name(dev),
				partition: this.devices.name(dev),
				flags: [],
				tid: pid,
				cgroup: safe``,
				owner: 'none',
				file: null,
				waterfall: waterfall(stages),
				off_cpu: null,
				op: opName(op),
				sector,
				bytes,
				pid,
				comm: sanitize(comm),
				mono_ns,
				stages,
			});
		});
		return slow;
	}

	private readInflight(): { inflight: Inflight[]; inflight_count: Count } {
		const now = Number(process.hrtime.bigint());
		const open = this.withoutMissed(now);
		open.sort((a, b) => a.first_ns - b.first_ns);
		return {
			inflight: open.slice(0, INFLIGHT_LISTED).map((tracked) => ({
				device: this.devices.name(tracked.dev),
				op: opName(tracked.op),
				bytes: tracked.bytes,
				pid: tracked.pid,
				comm: sanitize(tracked.comm),
				stage: inDevice(tracked) ? 'device' : 'queue',
				// the table is live: a request may be younger than our clock
				age_ns: Math.max(0, now - tracked.first_ns),
			})),
			inflight_count: open.length,
		};
	}

	/** The kernel's table as it is now. */
	private openRequests(): Tracked[] {
		this.bpf.object.readMapped(maps.requests.name, this.requests);
		const view = viewOf(this.requests);
		const open: Tracked[] = [];
		for (let at = 0; at < this.requests.length; at += maps.requests.value.size) {
			const { requests, ways } = maps.requests.value.read(view, at);
			for (const [way, tracked] of ways.entries()) if (requests[way] !== 0) open.push(tracked);
		}
		return open;
	}

	/**
	 * Open requests, without those whose completion we missed: old ones that the kernel does not count as in flight. Such
	 * a place in the table is free again when the kernel uses the request anew.
	 */
	private withoutMissed(now: Ns): Tracked[] {
		const suspect = (tracked: Tracked): boolean =>
			inDevice(tracked) && COUNTED_IN_FLIGHT.has(tracked.op) && now - tracked.issued_ns > SUSPECT_AGE;
		const open = this.openRequests();
		const counts = new Map(open.filter(suspect).map(({ dev }) => [dev, this.devices.inFlight(dev)]));
		if (counts.size === 0) {
			this.missed.clear();
			return open;
		}
		// the table again: what was old and is still there cannot have been missed by the kernel's count in between
		const stale = new Set<string>();
		const kept = this.openRequests().filter((tracked) => {
			if (!suspect(tracked) || counts.get(tracked.dev) !== 0) return true;
			stale.add(`${tracked.dev} ${tracked.issued_ns}`);
			return false;
		});
		for (const id of stale) if (!this.missed.has(id)) this.missedCompletions++;
		this.missed = stale;
		return kept;
	}
}

function inDevice(tracked: Tracked): boolean {
	return tracked.issued_ns !== 0 && tracked.requeued === 0;
}

function stageStats(interval: Distribution): StageStats {
	return {
		count: interval.count,
		mean_ns: interval.mean(),
		p50_ns: interval.percentile(0.5),
		p90_ns: interval.percentile(0.9),
		p99_ns: interval.percentile(0.99),
		max_ns: interval.max_ns,
		buckets: interval.buckets(),
	};
}

/** A figure of a stage; not a number where no request went through it. */
function figure(stage: Stage, of: 'mean_ns' | 'p99_ns' | 'max_ns'): (row: IoRow) => number {
	return (row) => {
		const stats = row.stages[stage];
		return stats && stats.count > 0 ? stats[of] : Number.NaN;
	};
}

const columns: readonly Column<IoRow>[] = [
	{
		key: 'device',
		title: 'DEVICE',
		kind: 'text',
		width: 10,
		grow: true,
		priority: 0,
		help: 'Whole disk, as the kernel names it. Devices that pass bios on (dm, md, zram) have no requests of their own.',
		value: (row) => row.device,
	},
	{
		key: 'op',
		title: 'OP',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'Operation: read, write, flush (of the device’s cache), discard, … A bare flush counts as a write of no bytes too, as in /proc/diskstats.',
		value: (row) => row.op,
	},
	{
		key: 'iops',
		title: 'IOPS',
		kind: 'rate',
		width: 7,
		priority: 2,
		help: 'Requests completed per second, after merging, as iostat counts them.',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'bytes',
		title: 'BYTES/s',
		kind: 'bytes-rate',
		width: 8,
		priority: 3,
		help: 'Bytes completed per second.',
		value: (row, seconds) => row.bytes / seconds,
	},
	{
		key: 'queue_mean',
		title: 'QUEUE',
		kind: 'ns',
		width: 7,
		priority: 8,
		help: 'Mean wait in the IO scheduler: from insert to issue. Only requests that went through it.',
		value: figure('queue', 'mean_ns'),
	},
	{
		key: 'queue_p99',
		title: 'Q-P99',
		kind: 'ns',
		width: 7,
		priority: 9,
		help: '99 of 100 waited at most this long in the scheduler (from a histogram: ±25 %).',
		value: figure('queue', 'p99_ns'),
	},
	{
		key: 'device_mean',
		title: 'DEV',
		kind: 'ns',
		width: 7,
		priority: 6,
		help: 'Mean time in driver and device: from issue to completion.',
		value: figure('device', 'mean_ns'),
	},
	{
		key: 'device_p99',
		title: 'D-P99',
		kind: 'ns',
		width: 7,
		priority: 7,
		help: '99 of 100 took at most this long in driver and device (from a histogram: ±25 %).',
		value: figure('device', 'p99_ns'),
	},
	{
		key: 'total_mean',
		title: 'TOTAL',
		kind: 'ns',
		width: 7,
		priority: 5,
		help: 'Mean time from insert (or issue where there was none) to completion: queue and device together.',
		value: figure('total', 'mean_ns'),
	},
	{
		key: 'total_p99',
		aliases: ['p99'],
		title: 'P99',
		kind: 'ns',
		width: 7,
		priority: 4,
		help: '99 of 100 requests took at most this long in all (from a histogram: ±25 %).',
		value: figure('total', 'p99_ns'),
	},
	{
		key: 'total_max',
		aliases: ['max'],
		title: 'MAX',
		kind: 'ns',
		width: 7,
		priority: 10,
		help: 'The slowest request that completed in the interval.',
		value: figure('total', 'max_ns'),
	},
	{
		key: 'count_total',
		title: 'COUNT',
		kind: 'count',
		width: 7,
		priority: 11,
		help: 'Requests since start.',
		value: (row) => row.count_total,
	},
	{
		key: 'bytes_total',
		title: 'BYTES',
		kind: 'bytes',
		width: 7,
		priority: 12,
		help: 'Bytes since start.',
		value: (row) => row.bytes_total,
	},
];

export const io: Tracer<IoRow, IoExtra> = {
	id: 'io',
	title: 'Disk IO',
	summary:
		'Block requests by device and operation: rate, bytes, and the time in scheduler and device; slow and unfinished ones one by one.',
	columns,
	defaultSort: 'iops',
	groups: ['operation', 'device'],
	options: [
		{
			name: 'slow',
			type: 'number',
			default: 10,
			min: 0,
			placeholder: 'MS',
			help: 'list requests that took at least this many milliseconds, with the task that issued them',
		},
	],
	rowKey: (row) => `${row.dev} ${row.op}`,
	start(host: Host, options: Options): Session<IoRow, IoExtra> {
		const possibleCpus = host.addon.possibleCpus();
		const slowThreshold = Math.round(Number(options['slow'] ?? 10) * 1e6);
		const bits = requestBits(possibleCpus);
		const bpf = openBpf(host, 'io', {
			layout: constants,
			constants: { slow_ns: slowThreshold, request_bits: bits },
			shards: [maps.io_cpus.name],
			maxEntries: { [maps.stats.name]: statsEntries(possibleCpus), [maps.requests.name]: 2 ** bits },
			optional: ['block_rq_merge'],
		});
		return new IoSession(bpf, new BlockDevices(host.sysRoot), slowThreshold);
	},
};
