/** Records of the BPF programs as events: process or object, one sentence, figures. */
import type { event } from '../../generated/events.ts';
import { formatBytes, formatNs } from '../../lib/format.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { ProcessId } from '../../system/process-id.ts';
import { addressText, endpointText, protocolName, tcpFlags, tcpState } from './addresses.ts';
import { kindOf, type ReasonNames } from './kinds.ts';
import { NOT_KNOWN, type Reasons } from './reasons.ts';
import type { Endpoint, EventKind, EventRecord } from './snapshot.ts';

/** What describing needs of the rest. */
export interface Describer {
	names: ReasonNames;
	reasons: Reasons;
	timeOf(mono_ns: Ns): string;
	/** Path of a control group; empty: not known. */
	cgroup(id: number, process: ProcessId): SafeText;
	/** Function of the kernel; empty: not known. */
	symbol(address: number): SafeText;
	pageBytes: number;
}

// formatters use numbers only
const time = (ns: Ns) => formatNs(ns) as SafeText;
const bytes = (count: number) => formatBytes(count) as SafeText;

export function processText(comm: SafeText, pid: number): SafeText {
	if (pid <= 0) return NOT_KNOWN;
	return comm === '' ? safe`pid ${pid}` : safe`${comm}[${pid}]`;
}

function endpoint(family: number, address: Uint8Array, port: number): Endpoint | null {
	const text = addressText(family, address);
	return text === '' ? null : { address: text, port };
}

const packetText = (source: Endpoint | null, destination: Endpoint | null): SafeText =>
	source && destination
		? safe` ${endpointText(source.address, source.port)} → ${endpointText(destination.address, destination.port)}`
		: safe``;

/** Signed thousandths of a degree, which a u64 has as its two's complement. */
const signed = (value: number) => (value >= 2 ** 63 ? value - 2 ** 64 : value);

interface Described {
	oom?: NonNullable<EventRecord['oom']>;
	text: SafeText;
	figures: Record<string, number>;
	/** Where the record is not about a process. */
	who?: SafeText;
}

interface Context {
	record: event;
	reason: SafeText;
	process: SafeText;
	source: Endpoint | null;
	destination: Endpoint | null;
	device: SafeText;
	text: SafeText;
	describer: Describer;
}

function packet({ record, reason, source, destination, device }: Context, verb: string): Described {
	const protocol = protocolName(record.protocol);
	const name = protocol === '' ? safe`packet` : safe`${protocol} packet`;
	const from = packetText(source, destination);
	const on = device === '' ? safe`` : safe` on ${device}`;
	const flags = tcpFlags(record.tcp_flags);
	return {
		text: safe`${name}${from}${flags === '' ? safe`` : safe` (${flags})`} of ${bytes(record.length)} ${verb as SafeText}${on}: ${reason}`,
		figures: { bytes: record.length, ...(record.seq > 0 && { seq: record.seq, ack: record.ack }) },
	};
}

function connection({ record, reason, source, destination }: Context, what: string): Described {
	const state = tcpState(record.state);
	const rtt_ns = (record.values[1] as number) * 1000;
	return {
		text: safe`${what as SafeText}${packetText(source, destination)}${state === '' ? safe`` : safe` in ${state}`}: ${reason}`,
		figures: {
			bytes: record.length,
			seq: record.seq,
			ack: record.ack,
			...(rtt_ns > 0 && { rtt_ns }),
		},
	};
}

function stall({ record, process }: Context, what: SafeText): Described {
	const ns = record.values[0] as number;
	return { text: safe`${process} ${what} for ${time(ns)}`, figures: { stalled_ns: ns } };
}

type Sentence = (context: Context) => Described;

const SENTENCES: Partial<Record<EventKind, Sentence>> = {
	drop: (context) => packet(context, 'dropped'),
	retransmit: (context) => connection(context, 'segment sent again'),
	'reset-sent': (context) =>
		context.record.state > 0
			? connection(context, 'connection ended by this machine')
			: packet(context, 'answered by a reset'),
	'reset-received': (context) => connection(context, 'connection ended by the other end'),
	overflow: ({ record, reason, source, process }) => ({
		text: safe`${protocolName(record.protocol)} socket${source ? safe` ${endpointText(source.address, source.port)}` : safe``} of ${process}: ${reason}`,
		figures: {},
	}),
	'tx-timeout': ({ record, device }) => ({
		text: safe`transmit queue ${record.values[0] as number} of ${device} has not moved: its driver resets it`,
		figures: { queue: record.values[0] as number },
		who: device,
	}),
	oom: ({ record, reason, process, text, describer }) => {
		if (reason !== 'VICTIM') return { text: safe`memory of ${process}: ${reason}`, figures: {} };
		const [pid = 0, , group = 0, pages = 0] = record.values;
		const by = describer.cgroup(group, { pid, start: 0 });
		const size = pages * describer.pageBytes;
		return {
			text: safe`${process} was killed${size > 0 ? safe` (${bytes(size)} of address space)` : safe``}: ${processText(text, pid)}${by === '' ? safe`` : safe` in ${by}`} needed memory`,
			figures: { trigger_pid: pid, ...(size > 0 && { virtual_bytes: size }) },
			oom: {
				trigger_pid: pid,
				trigger_comm: text,
				trigger_cgroup: by,
				constraint: safe``,
				limit_cgroup: safe``,
				victim_cgroup: safe``,
			},
		};
	},
	reclaim: (context) => {
		const stalled = stall(context, safe`freed memory itself`);
		return { ...stalled, figures: { ...stalled.figures, pages: context.record.values[1] as number } };
	},
	compaction: (context) => stall(context, safe`compacted memory`),
	'throttled-write': (context) => stall(context, safe`was put to sleep for writing too fast`),
	'hung-task': ({ process }) => ({
		text: safe`${process} sleeps uninterruptibly for longer than kernel.hung_task_timeout_secs`,
		figures: {},
	}),
	'tick-gap': ({ record, text }) => {
		const gap_ns = record.values[0] as number;
		const stolen_ns = record.values[3] as number;
		return {
			text: safe`cpu${record.cpu} did not tick for ${time(gap_ns)}${stolen_ns > 0 ? safe`, ${time(stolen_ns)} of it stolen` : safe``}${record.state ? safe`, nor did other CPUs` : safe``}; ${processText(text, record.values[1] as number)} ran at its end`,
			figures: { gap_ns, stolen_ns, cpu: record.cpu, switches: record.values[2] as number },
			who: safe`cpu${record.cpu}`,
		};
	},
	'block-error': ({ record, reason, text }) => ({
		text: safe`request of ${bytes(record.length)} at sector ${record.values[0] as number} of ${text} failed: ${reason}`,
		figures: { bytes: record.length, sector: record.values[0] as number },
		who: text,
	}),
	'fs-error': ({ record, reason, device, text }) => ({
		text: safe`${device}: ${reason} in ${text}`,
		figures: { value: record.values[0] as number },
		who: device,
	}),
	thermal: ({ record, text }) => {
		const celsius = signed(record.values[0] as number) / 1000;
		return { text: safe`${text} has ${celsius} °C`, figures: { celsius, trip: record.values[1] as number }, who: text };
	},
	hardware: ({ record, reason, text }) => ({
		text: safe`${reason} error${text === '' ? safe`` : safe`: ${text}`}`,
		figures: { a: record.values[0] as number, b: record.values[1] as number },
		...(text !== '' && { who: text }),
	}),
	'receive-latency': (context) => {
		const ns = context.record.values[0] as number;
		const from = packetText(context.source, context.destination);
		return {
			text: safe`${protocolName(context.record.protocol)} packet${from} took ${time(ns)} (${context.reason})`,
			figures: { latency_ns: ns },
		};
	},
};

/** Kinds whose last value is the port of the socket, where its process is not known. */
const WITH_PORT: ReadonlySet<EventKind> = new Set(['drop', 'overflow', 'receive-latency']);

/** The object of an event where no process is known: socket, device, or none. */
function placeOf({ kind, values }: event, device: SafeText): SafeText {
	const port = WITH_PORT.has(kindOf(kind)) ? (values[3] as number) : 0;
	if (port > 0) return safe`port ${port}`;
	return device === '' ? NOT_KNOWN : device;
}

/** How a tracepoint gets to its BPF program. */
const OWN_FRAMES = /^(bpf_prog_|bpf_trace_run|__bpf_trace_|__traceiter_)/;

/** @param stack addresses, innermost first */
export function describe(record: event, stack: readonly number[], describer: Describer): EventRecord {
	const kind = kindOf(record.kind);
	const reason = describer.names.of(kind, record.reason);
	const about = describer.reasons.of(kind, reason);
	const comm = sanitize(record.comm);
	const device = sanitize(record.device);
	const process = processText(comm, record.pid);
	const source = endpoint(record.family, record.saddr, record.sport);
	const destination = endpoint(record.family, record.daddr, record.dport);
	const sentence = SENTENCES[kind] as Sentence;
	const { text, figures, who, oom } = sentence({
		record,
		reason,
		process,
		source,
		destination,
		device,
		text: sanitize(record.text),
		describer,
	});
	const named = stack.map((address) => describer.symbol(address)).filter((name) => name !== '');
	while (named[0] !== undefined && OWN_FRAMES.test(named[0])) named.shift();
	return {
		time: describer.timeOf(record.ns),
		mono_ns: record.ns,
		before_start: false,
		kind,
		reason,
		severity: about.severity,
		cause: about.cause,
		who: who ?? (record.pid > 0 ? process : placeOf(record, device)),
		pid: record.pid,
		start_time: record.start_ns,
		comm,
		cgroup: record.cgroup > 0 ? describer.cgroup(record.cgroup, { pid: record.pid, start: record.start_ns }) : safe``,
		text,
		meaning: about.meaning,
		advice: about.advice,
		figures,
		protocol: protocolName(record.protocol),
		source,
		destination,
		device,
		netns: record.netns,
		location: record.location === 0 ? safe`` : describer.symbol(record.location),
		stack: named,
		...(oom && { oom }),
		origin: 'tracepoint',
	};
}
