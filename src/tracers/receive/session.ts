/** One run of the receive tracer: from the maps of bpf/receive/receive.bpf.c to rows. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { HashReader } from '../../bpf/hash-reader.ts';
import { LatencyReader } from '../../bpf/latency.ts';
import { hookExists, openBpf } from '../../bpf/load.ts';
import { StageDistributions, StageHistory } from '../../bpf/stage-distributions.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Reading, Session } from '../../core/tracer.ts';
import { constants, counted_program, maps, receive_stage } from '../../generated/receive.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { RECEIVE_PATH, type ReceiveStage } from './path.ts';
import type { ReceiveExtra, ReceiveRow } from './snapshot.ts';

const STAGES: readonly ReceiveStage[] = RECEIVE_PATH.stages.map(({ name }) => name);
if (STAGES.length !== receive_stage.RECEIVE_STAGES) throw new Error('RECEIVE_PATH differs from enum receive_stage');

const COUNTERS = ['count', 'bytes', 'received', 'dropped', 'consumed', 'merged'] as const;
type Counters = Record<(typeof COUNTERS)[number], Count>;

type Stats = ReturnType<typeof maps.stats.value.read>;
type Key = ReturnType<typeof maps.stats.key.read>;

const PROTOCOLS: Readonly<Record<number, SafeText>> = {
	0: safe`other`,
	1: safe`icmp`,
	2: safe`igmp`,
	6: safe`tcp`,
	17: safe`udp`,
	58: safe`icmpv6`,
	132: safe`sctp`,
};

/**
 * Size of the kernel's map: devices × protocols × CPUs, with room for a few hundred network namespaces. The map exists
 * only while the tab is open.
 */
function statsEntries(onlineCpus: number): number {
	return Math.min(8192, 2048 + 64 * onlineCpus);
}

/** Part of the map that may fill before idle entries give way: devices of ended containers stay in it otherwise. */
const FULL_ENOUGH = 0.75;
/** Reads without a packet after which an entry may give way. */
const IDLE_READS = 5;

/** One value of the kernel's map with the state of the last read. */
class Entry {
	readonly key: Key;
	readonly stages: StageHistory;
	total: Counters = { count: 0, bytes: 0, received: 0, dropped: 0, consumed: 0, merged: 0 };
	interval: Counters = this.total;
	/** Reads since the last packet. */
	idle = 0;

	constructor(id: string, key: Key) {
		this.key = key;
		this.stages = new StageHistory(id);
	}

	update(latencies: LatencyReader, value: Stats): void {
		const before = this.total;
		const figures = (of: (name: keyof Counters) => Count) =>
			Object.fromEntries(COUNTERS.map((name) => [name, of(name)])) as Counters;
		this.total = figures((name) => value[name]);
		this.interval = figures((name) => value[name] - before[name]);
		this.idle = COUNTERS.every((name) => this.interval[name] === 0) ? this.idle + 1 : 0;
		for (const [index, name] of STAGES.entries()) {
			const stage = value.stages[index];
			if (stage) this.stages.update(latencies, name, stage);
		}
		this.stages.update(latencies, 'total', value.total);
	}
}

type Missing = ReceiveExtra['missing'];

export class ReceiveSession implements Session<ReceiveRow, ReceiveExtra> {
	private readonly bpf: BpfSession;
	private readonly stats: HashReader<Key, Stats>;
	/** Entries of the kernel's map. */
	private readonly capacity: number;
	private readonly latencies = new LatencyReader();
	private readonly entries = new Map<string, Entry>();
	/** Names by network namespace and index: a value has the name only if packets arrived on its CPU. */
	private readonly devices = new Map<string, SafeText>();
	private readonly missing: Missing;
	private readonly stages: readonly string[];
	private readonly source: Source;

	/** @throws {Unavailable} */
	constructor(host: Host) {
		this.capacity = statsEntries(host.cpus);
		const has = (hook: string) => hookExists(host.addon, `tp_btf/${hook}`);
		const knowsSocket = has('sk_data_ready') && has('sock_recv_length');
		const bpf = openBpf(host, 'receive', {
			layout: constants,
			counted: counted_program,
			constants: { knows_socket: knowsSocket },
			shards: [maps.receive_cpus.name],
			maxEntries: { [maps.stats.name]: this.capacity },
			// the loss depends on the combination: missingStages() reports it
			optional: { tcp_probe: '', netif_rx: '', napi_gro_receive_entry: '', napi_gro_frags_entry: '' },
			...(knowsSocket ? {} : { without: ['sk_data_ready', 'sock_recv_length'], withoutMaps: [maps.sockets.name] }),
		});
		const missing = missingStages(has, knowsSocket);
		this.bpf = bpf;
		this.stats = new HashReader(bpf, maps.stats, this.capacity);
		this.missing = missing;
		this.stages = STAGES.filter((name) => !missing.some(({ stage, all }) => all && stage === name));
		this.source = {
			kind: 'tracepoint',
			description:
				'every received packet, from the driver through the protocols and the socket to the process that reads it',
			uncertainty: 'counts and bytes of TCP and UDP exact; percentiles ±25 %; dropped and merged are lower bounds',
			hooks: [...bpf.hooks],
			missing: missing.map(({ stage, reason }) => `stage ${stage}: ${reason}`),
		};
	}

	read(_dt: Ns, group: string): Reading<ReceiveRow, ReceiveExtra> {
		this.latencies.nextInterval(this.bpf);
		for (const { id, key, value } of this.stats.entries()) {
			let entry = this.entries.get(id);
			if (!entry) {
				entry = new Entry(id, key);
				this.entries.set(id, entry);
			}
			entry.update(this.latencies, value);
			const device = sanitize(value.device);
			if (device !== '') this.devices.set(deviceId(key), device);
		}
		this.makeRoom();
		return { rows: this.rows(group), extra: { missing: this.missing }, source: this.source, lost: this.lost() };
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	/** Delete idle entries from a map that fills, the longest idle ones first. Their totals go with them. */
	private makeRoom(): void {
		const excess = this.entries.size - FULL_ENOUGH * this.capacity;
		if (excess <= 0) return;
		const idle = [...this.entries].filter(([, entry]) => entry.idle >= IDLE_READS);
		idle.sort(([, a], [, b]) => b.idle - a.idle);
		for (const [id, entry] of idle.slice(0, Math.ceil(excess))) {
			this.stats.remove(id);
			entry.stages.forget(this.latencies);
			this.entries.delete(id);
		}
		const used = new Set(Array.from(this.entries.values(), ({ key }) => deviceId(key)));
		for (const id of this.devices.keys()) if (!used.has(id)) this.devices.delete(id);
	}

	private rows(group: string): ReceiveRow[] {
		const rows = new Map<string, { row: Omit<ReceiveRow, 'stages' | 'stages_total'>; stages: StageDistributions }>();
		for (const { key, interval, total, stages } of this.entries.values()) {
			const device = this.devices.get(deviceId(key)) ?? safe`device ${key.ifindex}`;
			const protocol = group === 'device' ? safe`all` : (PROTOCOLS[key.protocol] ?? safe`ip ${key.protocol}`);
			const name = `${device} ${protocol}`;
			const line = rows.get(name) ?? {
				row: {
					device,
					protocol,
					count: 0,
					bytes: 0,
					received: 0,
					dropped: 0,
					consumed: 0,
					merged: 0,
					count_total: 0,
					bytes_total: 0,
					received_total: 0,
					dropped_total: 0,
				},
				stages: new StageDistributions([...this.stages, 'total']),
			};
			rows.set(name, line);
			const { row } = line;
			for (const counter of COUNTERS) row[counter] += interval[counter];
			for (const counter of ['count', 'bytes', 'received', 'dropped'] as const)
				row[`${counter}_total`] += total[counter];
			line.stages.add(stages);
		}
		return [...rows.values()].map(({ row, stages }) => ({
			...row,
			stages: stages.figures(),
			stages_total: stages.totals(),
		}));
	}

	private lost(): Record<string, Count> {
		const lost = { unseen_start: 0, packets_full: 0, sockets_full: 0, stats_full: 0 };
		for (const shard of this.bpf.shards(maps.receive_cpus))
			for (const cause of Object.keys(lost) as (keyof typeof lost)[]) lost[cause] += shard[cause];
		return lost;
	}
}

function deviceId({ netns, ifindex }: Key): string {
	return `${netns} ${ifindex}`;
}

/** Stages without a hook in this kernel. */
function missingStages(has: (hook: string) => boolean, knowsSocket: boolean): Missing {
	const tcp = has('tcp_probe');
	const missing: Missing = [];
	if (!['netif_rx', 'napi_gro_receive_entry', 'napi_gro_frags_entry'].some(has))
		missing.push({
			stage: 'driver',
			all: true,
			reason: safe`this kernel has no tracepoint where the driver hands packets over`,
		});
	if (!tcp || !knowsSocket) {
		const hook = tcp ? safe`sk_data_ready (since 6.3)` : safe`tcp_probe`;
		const whose = tcp ? safe`of UDP ` : knowsSocket ? safe`of TCP ` : safe``;
		missing.push({
			stage: 'socket',
			all: !tcp && !knowsSocket,
			reason: safe`this kernel has no tracepoint ${hook}: ${whose}the wait in the socket is part of stack`,
		});
	}
	return missing;
}
