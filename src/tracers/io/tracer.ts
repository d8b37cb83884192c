/**
 * Block IO: where requests spend their time, stage by stage, and whose they are. From bpf/io/io.bpf.c, which also says what
 * counts as one request.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { KeyedStats, keyBits } from '../../bpf/keyed-stats.ts';
import { LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import type { Source } from '../../core/snapshot.ts';
import type { BpfCost, Host, Options, Reading, Session, Tracer } from '../../core/tracer.ts';
import { constants, io_owner, type io_stats, maps } from '../../generated/io.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { BlockDevices } from '../../system/block-devices.ts';
import { Cgroups } from '../../system/cgroups.ts';
import { columns, options as ioOptions } from './columns.ts';
import { DeviceOnly } from './device-only.ts';
import { FilePaths } from './file-paths.ts';
import { type IoFilter, ioFilter, ioFilterText, writeSettings } from './filter.ts';
import { FullPathSession } from './full-path.ts';
import { InFlight, requestBits } from './inflight.ts';
import { IO_PATH } from './path.ts';
import { Processes, processBits } from './processes.ts';
import { type Counted, Rows } from './rows.ts';
import { SlowRequests } from './slow.ts';
import type { FullPath, IoExtra, IoRow } from './snapshot.ts';

/** Processes listed beside the rows. */
const LISTED_PROCESSES = 1000;

/** Names of the stages that the kernel's statistics have, in their order. */
const STAGES: readonly string[] = IO_PATH.stages.filter(({ depth }) => depth === 'block').map(({ name }) => name);

/** Sums over CPUs of what the kernel counts beside the statistics. */
type Counters = Record<Exclude<keyof ReturnType<typeof maps.io_cpus.value.read>, 'owners'>, Count> & {
	owners: Count[];
};

/** CLOCK_MONOTONIC. */
const now = (): Ns => Number(process.hrtime.bigint());

function slowThreshold(options: Options): Ns {
	return Math.round(Number(options['slow'] ?? 10) * 1e6);
}

function* counted(stats: KeyedStats<io_stats>): Generator<Counted> {
	for (const { id, key, value } of stats.entries())
		yield { id, key, count: value.count, bytes: value.bytes, stages: [...value.stages, value.total] };
}

class IoSession implements Session<IoRow, IoExtra> {
	private readonly host: Host;
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly cgroups: Cgroups;
	private readonly files: FilePaths;
	private readonly latencies = new LatencyReader();
	private readonly stats: KeyedStats<io_stats>;
	private readonly rows: Rows;
	private readonly perProcess: Processes;
	private readonly slow: SlowRequests;
	private readonly inFlight: InFlight;
	private readonly path: FullPathSession;
	private readonly source: Source;
	private options: Options;
	private before: Counters;
	/** The last two times that somebody asked for the cost in this interval, with the full path as it is now. */
	private costs: { at: Ns; ns: Ns }[] = [];

	constructor(host: Host, bpf: BpfSession, devices: BlockDevices, filter: IoFilter, options: Options) {
		this.host = host;
		this.bpf = bpf;
		this.devices = devices;
		this.options = options;
		this.cgroups = new Cgroups(host.procRoot);
		this.files = new FilePaths(host.procRoot);
		this.stats = new KeyedStats(bpf, maps.kinds, maps.stats);
		this.rows = new Rows(() => counted(this.stats), devices, [...STAGES, 'total']);
		this.perProcess = new Processes(bpf, this.cgroups, host.procRoot);
		this.slow = new SlowRequests(bpf, devices, this.cgroups, this.files);
		this.inFlight = new InFlight(bpf, devices);
		this.path = new FullPathSession(host, filter, slowThreshold(options));
		if (options['full-path'] === true) this.path.setWanted(true, now());
		this.before = this.counters();
		this.source = {
			kind: 'tracepoint',
			description:
				'every block request, from the queueing of its bio over request, plug, IO scheduler and driver to its completion',
			uncertainty:
				'counts, bytes and times exact; percentiles ±25 %; CPU time around getting a request counts for request or plug',
			hooks: [...bpf.hooks],
			missing: bpf.missing,
		};
	}

	tune(changes: Options): void {
		this.options = { ...this.options, ...changes };
		const filter = ioFilter(this.options, this.devices, this.host.procRoot);
		writeSettings(this.bpf.object, filter, slowThreshold(this.options));
		this.path.setFilter(filter, slowThreshold(this.options));
		const wanted = changes['full-path'];
		if (typeof wanted !== 'boolean') return;
		this.path.setWanted(wanted, now());
		this.costs = [];
	}

	read(_dt: Ns, group: string): Reading<IoRow, IoExtra> {
		this.files.tick();
		const ended = this.latencies.nextInterval(this.bpf);
		this.rows.read(this.latencies);
		this.perProcess.read(this.latencies, ended);
		this.rows.readFull(this.path);
		const counted = this.counters();
		const extra = this.extra(counted);
		return {
			rows: group === 'process' || group === 'cgroup' ? this.perProcess.rows(group) : this.rows.rows(group),
			ungrouped: () => this.rows.rows('operation'),
			extra,
			source: this.source,
			lost: {
				unseen_start: counted.unseen_start,
				requests_full: counted.requests_full,
				bios_full: counted.bios_full,
				stats_full: this.stats.full,
				processes_full: counted.processes_full,
				missed_completion: counted.missed_completion + this.inFlight.missed,
				...this.path.lost(),
			},
		};
	}

	cost(): BpfCost {
		const own = this.bpf.cost();
		const path = this.path.cost();
		const ns = own.ns + path.ns;
		this.costs = [...this.costs.slice(-1), { at: now(), ns }];
		return {
			ns,
			runs: own.runs + path.runs,
			recursionMisses: own.recursionMisses + path.recursionMisses,
		};
	}

	close(): void {
		this.path.close();
		this.bpf.close();
	}

	private extra(counted: Counters): IoExtra {
		const before = this.before;
		this.before = counted;
		const owned = (owner: number): Count => (counted.owners[owner] ?? 0) - (before.owners[owner] ?? 0);
		const associated = {
			submitter: owned(io_owner.OWNER_SUBMITTER),
			dirtied: owned(io_owner.OWNER_DIRTIED),
			cgroup: owned(io_owner.OWNER_CGROUP),
			kernel: owned(io_owner.OWNER_KERNEL),
			none: owned(io_owner.OWNER_NONE),
		};
		const gone = this.rows.gone();
		return {
			...(gone.length > 0 ? { gone } : {}),
			slow: this.slow.read(() => this.path.slowCalls()),
			slow_suppressed: counted.slow_suppressed - before.slow_suppressed,
			slow_threshold_ns: slowThreshold(this.options),
			...this.inFlight.read(),
			processes: this.perProcess.list(LISTED_PROCESSES),
			associated: { requests: Object.values(associated).reduce((sum, count) => sum + count, 0), ...associated },
			requeues: counted.requeues - before.requeues,
			merged_bios: counted.merged_bios - before.merged_bios,
			merged_requests: counted.merged_requests - before.merged_requests,
			splits: counted.splits - before.splits,
			bypassed: counted.bypassed - before.bypassed,
			partial: counted.partial - before.partial,
			filter: sanitize(ioFilterText(this.options)),
			full_path: this.govern(),
		};
	}

	/** Judge the full path by what the tab's programs cost between the last two questions. */
	private govern(): FullPath {
		const [from, to] = this.costs;
		this.costs = [];
		this.path.govern(from && to && to.at > from.at ? (to.ns - from.ns) / (to.at - from.at) : undefined, now());
		return this.path.status(now());
	}

	private counters(): Counters {
		const sums: Record<string, Count> = {};
		const owners: Count[] = [];
		for (const { owners: ofCpu, ...shard } of this.bpf.shards(maps.io_cpus)) {
			for (const [name, count] of Object.entries(shard)) sums[name] = (sums[name] ?? 0) + count;
			for (const [owner, count] of ofCpu.entries()) owners[owner] = (owners[owner] ?? 0) + count;
		}
		return { ...sums, owners } as Counters;
	}
}

export const io: Tracer<IoRow, IoExtra> = {
	id: 'io',
	title: 'Disk IO',
	summary:
		'Block requests by device and operation, or by process: rate, bytes, and the time in every stage; slow and unfinished ones one by one.',
	columns,
	defaultSort: 'iops',
	groups: ['operation', 'device', 'flags', 'process', 'cgroup'],
	options: ioOptions,
	rowKey: ({ dev, op, flags, pid, start_time, cgroup }) =>
		`${dev} ${op} ${flags ?? ''} ${pid ?? cgroup ?? ''} ${start_time ?? ''}`,
	processOf: ({ pid, start_time }) => (pid === undefined ? undefined : `${pid}:${start_time}`),
	start(host: Host, options: Options): Session<IoRow, IoExtra> {
		const possibleCpus = host.addon.possibleCpus();
		if (options['device-only']) return new DeviceOnly(host, options);
		const devices = new BlockDevices(host.sysRoot);
		const filter = ioFilter(options, devices, host.procRoot);
		const bits = requestBits(possibleCpus);
		const bpf = openBpf(host, 'io', {
			layout: constants,
			constants: {
				request_bits: bits,
				key_bits: keyBits(possibleCpus),
				process_bits: processBits(possibleCpus),
			},
			shards: [maps.io_cpus.name, maps.kinds.name],
			maxEntries: {
				[maps.stats.name]: possibleCpus << keyBits(possibleCpus),
				[maps.processes.name]: possibleCpus << processBits(possibleCpus),
				[maps.requests.name]: 2 ** bits,
				[maps.bios.name]: 2 ** bits,
			},
			optional: {
				block_rq_merge: 'requests merged into others look as if they were waiting, until their address comes back',
				block_split: 'of bios that are cut in two only the rest is followed from the beginning',
				writeback_dirty_inode_enqueue:
					'what the kernel writes back is its control group’s, not the task’s that made the file dirty',
			},
			beforeAttach(program, object) {
				if (program === 'block_rq_complete') writeSettings(object, filter, slowThreshold(options));
			},
		});
		return new IoSession(host, bpf, devices, filter, options);
	},
};
