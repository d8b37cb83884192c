/** One run of the receive tracer: from the maps of bpf/receive/receive.bpf.c to rows. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { type Claim, indexBits, KeyedStore, type StoreSize } from '../../bpf/keyed-store.ts';
import { LatencyReader } from '../../bpf/latency.ts';
import { hookExists, openBpf } from '../../bpf/load.ts';
import { possibleCpusOf } from '../../bpf/possible-cpus.ts';
import { StageDistributions, StageHistory } from '../../bpf/stage-distributions.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Reading, Session } from '../../core/tracer.ts';
import {
	type arrivals,
	constants,
	counted_program,
	maps,
	type passed,
	receive_key,
	receive_stage,
	receive_writer,
} from '../../generated/receive.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { RECEIVE_PATH, type ReceiveStage } from './path.ts';
import type { ReceiveExtra, ReceiveRow } from './snapshot.ts';

const STAGES: readonly ReceiveStage[] = RECEIVE_PATH.stages.map(({ name }) => name);
if (STAGES.length !== receive_stage.RECEIVE_STAGES) throw new Error('RECEIVE_PATH differs from enum receive_stage');

const COUNTERS = ['count', 'bytes', 'received', 'dropped', 'consumed', 'merged'] as const;
type Counters = Record<(typeof COUNTERS)[number], Count>;

/** Device by number, in its network namespace; transport protocol. */
interface Key {
	ifindex: number;
	netns: number;
	protocol: number;
}

function keyOf({ a, b }: Claim): Key {
	const namespace = 2 ** receive_key.KEY_NETNS_SHIFT;
	return { ifindex: a % namespace, netns: Math.floor(a / namespace), protocol: b };
}

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
 * Sizes of the stores: devices × protocols × programs × CPUs, with room for a few hundred network namespaces. The maps
 * exist only while the tab is open. Arrivals have 2 KiB each, the others 48 bytes.
 */
function storeSizes({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>): { arrivals: StoreSize; passed: StoreSize } {
	const size = (programs: number, slots: number): StoreSize => ({
		programs,
		bits: indexBits(possibleCpusOf(addon), programs, 6, 10),
		slots,
	});
	return {
		arrivals: size(receive_writer.ARRIVAL_WRITERS, Math.min(8192, 2048 + 64 * cpus)),
		passed: size(receive_writer.RECEIVE_WRITERS, Math.min(32768, 8192 + 256 * cpus)),
	};
}

/** Reads without a packet after which a device's protocol is dropped, and how many are kept beyond that. */
const IDLE_READS = 5;
const KEPT = 1024;

/** Packets of one device and protocol: the last interval and the totals. */
class Entry {
	readonly key: Key;
	readonly stages = new StageHistory();
	readonly total: Counters = { count: 0, bytes: 0, received: 0, dropped: 0, consumed: 0, merged: 0 };
	readonly interval: Counters = { ...this.total };
	/** Reads since the last packet. */
	idle = 0;

	constructor(key: Key) {
		this.key = key;
	}

	begin(): void {
		for (const name of COUNTERS) this.interval[name] = 0;
		this.stages.begin();
		this.idle++;
	}

	add(claim: Claim, name: keyof Counters, now: Count): void {
		const more = claim.grown(name, now);
		this.interval[name] += more;
		this.total[name] += more;
		if (more > 0) this.idle = 0;
	}
}

type Missing = ReceiveExtra['missing'];

export class ReceiveSession implements Session<ReceiveRow, ReceiveExtra> {
	private readonly bpf: BpfSession;
	private readonly arrivals: KeyedStore<arrivals>;
	private readonly passed: KeyedStore<passed>;
	private readonly latencies = new LatencyReader();
	private readonly entries = new Map<string, Entry>();
	/** Names by network namespace and index: a value has the name only if packets arrived on its CPU. */
	private readonly devices = new Map<string, SafeText>();
	private readonly missing: Missing;
	private readonly stages: readonly string[];
	private readonly source: Source;

	/** @throws {Unavailable} */
	constructor(host: Host) {
		const sizes = storeSizes(host);
		const has = (hook: string) => hookExists(host.addon, `tp_btf/${hook}`);
		const knowsSocket = has('sk_data_ready') && has('sock_recv_length');
		const bpf = openBpf(host, 'receive', {
			layout: constants,
			counted: counted_program,
			constants: { knows_socket: knowsSocket },
			shards: [maps.receive_cpus.name],
			stores: { [maps.arrivals.name]: sizes.arrivals, [maps.passed.name]: sizes.passed },
			// the loss depends on the combination: missingStages() reports it
			optional: { tcp_probe: '', netif_rx: '', napi_gro_receive_entry: '', napi_gro_frags_entry: '' },
			...(knowsSocket ? {} : { without: ['sk_data_ready', 'sock_recv_length'], withoutMaps: [maps.sockets.name] }),
		});
		const missing = missingStages(has, knowsSocket);
		this.bpf = bpf;
		this.arrivals = new KeyedStore(bpf, maps.arrivals, sizes.arrivals);
		this.passed = new KeyedStore(bpf, maps.passed, sizes.passed);
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
		const ended = this.latencies.nextInterval(this.bpf);
		for (const entry of this.entries.values()) entry.begin();
		this.readArrivals(ended);
		this.readPassed(ended);
		this.dropIdle();
		return { rows: this.rows(group), extra: { missing: this.missing }, source: this.source, lost: this.lost() };
	}

	cost(fresh?: boolean) {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	private entryOf(claim: Claim): Entry {
		const id = `${claim.a} ${claim.b}`;
		let entry = this.entries.get(id);
		if (!entry) {
			entry = new Entry(keyOf(claim));
			this.entries.set(id, entry);
		}
		return entry;
	}

	private readArrivals(ended: number): void {
		for (const { claim, value } of this.arrivals.changed(ended)) {
			const entry = this.entryOf(claim);
			entry.add(claim, 'count', value.count);
			entry.add(claim, 'bytes', value.bytes);
			for (const [index, name] of STAGES.entries()) {
				const stage = value.stages[index];
				if (stage) entry.stages.add(name, claim.difference(this.latencies, name, stage));
			}
			entry.stages.add('total', claim.difference(this.latencies, 'total', value.total));
		}
	}

	private readPassed(ended: number): void {
		for (const { claim, value } of this.passed.changed(ended)) {
			const entry = this.entryOf(claim);
			for (const name of ['received', 'dropped', 'consumed', 'merged'] as const) entry.add(claim, name, value[name]);
			const device = sanitize(value.device);
			if (device !== '') this.devices.set(deviceId(entry.key), device);
		}
	}

	/** Devices come and go with containers: beyond {@link KEPT} the longest idle go, with their totals. */
	private dropIdle(): void {
		const excess = this.entries.size - KEPT;
		if (excess <= 0) return;
		const idle = [...this.entries].filter(([, entry]) => entry.idle >= IDLE_READS);
		idle.sort(([, a], [, b]) => b.idle - a.idle);
		for (const [id] of idle.slice(0, excess)) this.entries.delete(id);
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
		const lost = { unseen_start: 0, packets_full: 0, sockets_full: 0 };
		for (const shard of this.bpf.shards(maps.receive_cpus))
			for (const cause of Object.keys(lost) as (keyof typeof lost)[]) lost[cause] += shard[cause];
		return { ...lost, stats_full: this.arrivals.full + this.passed.full };
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
