/** One run of the IO tracer: from the maps of bpf/io/io.bpf.c, which defines what counts as one request, to rows. */

import { addCosts, type BpfSession } from '../../bpf/bpf-session.ts';
import type { GroupNames } from '../../bpf/cgroups.ts';
import { cgroupsOf, unnamedGroups } from '../../bpf/cgroups.ts';
import { KeyedStore, type StoreSize } from '../../bpf/keyed-store.ts';
import { LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import { possibleCpusOf } from '../../bpf/possible-cpus.ts';
import { cpuRing, eventRing } from '../../bpf/rings.ts';
import type { Source } from '../../core/snapshot.ts';
import type { BpfCost, Host, Options, Reading, Session } from '../../core/tracer.ts';
import { constants, counted_program, io_owner, type io_stats, io_writer, maps } from '../../generated/io.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import { BlockDevices } from '../../system/block-devices.ts';
import { BlockedThreads } from './blocked-threads.ts';
import { FilePaths } from './file-paths.ts';
import { type IoFilter, ioFilter, ioFilterText, writeSettings } from './filter.ts';
import { FullPathSession } from './full-path.ts';
import { InFlight, requestBits } from './inflight.ts';
import { kindOf, kindStore } from './kinds.ts';
import { slowThreshold } from './options.ts';
import { IO_PATH } from './path.ts';
import { Processes, processStore } from './processes.ts';
import { type Counted, Rows } from './rows.ts';
import { SlowRequests } from './slow.ts';
import type { FullPath, IoExtra, IoRow } from './snapshot.ts';

/**
 * Of the rings: the records that a CPU makes of slow requests in two intervals, 728 bytes each, and requests of processes
 * without room (see bpf/io/processes.bpf.h).
 */
const SLOW_BYTES = { cpu: 1 << 16, most: 1 << 19 };
const SPILLED_BYTES: Bytes = 1 << 20;

/** Most entries of `processes` in a snapshot. */
const LISTED_PROCESSES = 1000;

/** Stages in the kernel's statistics, in their order. */
const STAGES: readonly string[] = IO_PATH.stages.filter(({ depth }) => depth === 'block').map(({ name }) => name);

/** Sums over CPUs of the kernel's counters beside the statistics. */
type Counters = Record<Exclude<keyof ReturnType<typeof maps.io_cpus.value.read>, 'owners' | 'bio_owners'>, Count> & {
	owners: Count[];
};

function* kindsCounted(stats: KeyedStore<io_stats>, latencies: LatencyReader, ended: number): Generator<Counted> {
	for (const { claim, value } of stats.changed(ended))
		yield {
			key: kindOf(claim.a),
			count: claim.grown('count', value.count),
			bytes: claim.grown('bytes', value.bytes),
			errors: claim.grown('errors', value.errors),
			heldBack: claim.grown('held_back', value.held_back),
			stages: [...value.stages, value.total].map((latency, stage) =>
				claim.difference(latencies, String(stage), latency),
			),
		};
}

function openIo(host: Host, filter: IoFilter, options: Options, stores: Record<string, StoreSize>): BpfSession {
	const possibleCpus = possibleCpusOf(host.addon);
	const bits = requestBits(possibleCpus);
	return openBpf(host, 'io', {
		layout: constants,
		counted: counted_program,
		constants: { request_bits: bits },
		shards: [maps.io_cpus.name],
		stores,
		maxEntries: {
			[maps.requests.name]: 2 ** bits,
			[maps.bios.name]: 2 ** bits,
			[maps.slow_requests.name]: cpuRing(host.cpus, SLOW_BYTES),
			[maps.spilled.name]: eventRing(host.cpus, SPILLED_BYTES),
		},
		optional: {
			block_rq_merge: 'requests that were merged into others seem to wait until the kernel reuses their address',
			block_split: 'of a bio that is split, only the remaining part is followed from the start',
			writeback_dirty_inode_enqueue:
				'write-back counts for the control group, not for the task that made the file dirty',
		},
		beforeAttach(program, object) {
			if (program === 'block_rq_complete') writeSettings(object, filter, slowThreshold(options));
		},
	});
}

export class IoSession implements Session<IoRow, IoExtra> {
	private readonly host: Host;
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly cgroups: GroupNames;
	private readonly files: FilePaths;
	private readonly latencies = new LatencyReader();
	private readonly stats: KeyedStore<io_stats>;
	private readonly rows: Rows;
	private readonly perProcess: Processes;
	private readonly slow: SlowRequests;
	private readonly inFlight: InFlight;
	private readonly path: FullPathSession;
	private readonly source: Source;
	private options: Options;
	private before: Counters;
	/** Of all programs in the interval that ends; undefined: not known. */
	private costShare: number | undefined;

	/** @throws {Unavailable} */
	constructor(host: Host, options: Options) {
		const devices = new BlockDevices(host.sysRoot);
		const filter = ioFilter(options, devices, host);
		const kinds = kindStore(host, io_writer.IO_WRITERS);
		const processes = processStore(host);
		const bpf = openIo(host, filter, options, { [maps.stats.name]: kinds, [maps.processes.name]: processes });
		this.host = host;
		this.bpf = bpf;
		this.devices = devices;
		this.options = options;
		this.cgroups = cgroupsOf(host);
		this.files = new FilePaths(host.procRoot);
		this.stats = new KeyedStore(bpf, maps.stats, kinds);
		this.rows = new Rows(devices, [...STAGES, 'total']);
		this.perProcess = new Processes(bpf, new KeyedStore(bpf, maps.processes, processes), this.cgroups, host.procRoot);
		this.slow = new SlowRequests(bpf, devices, this.cgroups, this.files);
		this.inFlight = new InFlight(bpf, devices, new BlockedThreads(host.procRoot));
		this.path = new FullPathSession(host, filter, slowThreshold(options));
		if (options['full-path'] === true) this.path.setWanted(true, monotonicNs());
		this.before = this.counters();
		this.source = {
			kind: 'tracepoint',
			description:
				'every block request, from the queueing of its bio through request, plug, IO scheduler and driver to its completion',
			uncertainty:
				'counts, bytes and times exact; percentiles ±25 %; CPU time of the allocation of a request is part of request or plug',
			hooks: [...bpf.hooks],
			missing: [
				...bpf.missing,
				...unnamedGroups(host),
				...(host.addon.hasMember('page', 'compound_head')
					? []
					: ['no page.compound_head: of large folios the file, and who made it dirty, are not known']),
				...(process.arch === 'arm64' ? ['full path: system calls of 32-bit programs are not followed'] : []),
			],
		};
	}

	tune(changes: Options): void {
		this.options = { ...this.options, ...changes };
		const filter = ioFilter(this.options, this.devices, this.host);
		writeSettings(this.bpf.object, filter, slowThreshold(this.options));
		this.path.setFilter(filter, slowThreshold(this.options));
		const wanted = changes['full-path'];
		if (typeof wanted !== 'boolean') return;
		this.path.setWanted(wanted, monotonicNs());
	}

	read(_dt: Ns, group: string): Reading<IoRow, IoExtra> {
		this.files.tick();
		const ended = this.latencies.nextInterval(this.bpf);
		this.rows.read(kindsCounted(this.stats, this.latencies, ended));
		this.perProcess.read(this.latencies, ended);
		this.rows.readFull(this.path);
		const counted = this.counters();
		const extra = this.extra(counted);
		return {
			rows: group === 'process' ? this.perProcess.rows() : this.rows.rows(group),
			ungrouped: () => this.rows.rows('operation'),
			extra,
			source: this.source,
			lost: {
				unseen_start: counted.unseen_start,
				requests_full: counted.requests_full,
				bios_full: counted.bios_full,
				stats_full: this.stats.full,
				processes_full: this.perProcess.full,
				missed_completion: counted.missed_completion + this.inFlight.missed,
				...this.path.lost(),
			},
		};
	}

	drain(): void {
		this.perProcess.drain();
	}

	cost(fresh?: boolean): BpfCost {
		return addCosts(this.bpf.cost(fresh), this.path.cost(fresh));
	}

	takeCost(share: number | undefined): void {
		this.costShare = share;
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
		const process_count = this.perProcess.count;
		return {
			...(gone.length > 0 ? { gone } : {}),
			slow: this.slow.read(() => this.path.slowCalls()),
			slow_suppressed: counted.slow_suppressed - before.slow_suppressed,
			slow_threshold_ns: slowThreshold(this.options),
			...this.inFlight.read(),
			processes: this.perProcess.list(LISTED_PROCESSES),
			...(process_count > LISTED_PROCESSES && { process_count }),
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

	/** Governs the full path by the cost of the tab's programs in the interval. */
	private govern(): FullPath {
		this.path.govern(this.costShare, monotonicNs());
		return this.path.status(monotonicNs());
	}

	private counters(): Counters {
		const sums: Record<string, Count> = {};
		const owners: Count[] = [];
		for (const { owners: ofRequests, bio_owners: ofBios, ...shard } of this.bpf.shards(maps.io_cpus)) {
			for (const [name, count] of Object.entries(shard)) sums[name] = (sums[name] ?? 0) + count;
			for (const ofCpu of [ofRequests, ofBios])
				for (const [owner, count] of ofCpu.entries()) owners[owner] = (owners[owner] ?? 0) + count;
		}
		return { ...sums, owners } as Counters;
	}
}
