/** What happened at one moment, for logs, data streams and traces: findings that begin or end, slow requests, events of the kernel. */
import { createHash } from 'node:crypto';
import type { SamplerEvent } from '../../core/sampler.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { EventsExtra, EventRecord as KernelEvent } from '../../tracers/events/snapshot.ts';
import type { IoExtra, SlowRequest } from '../../tracers/io/snapshot.ts';
import type { Finding, Level } from '../../tracers/overview/finding.ts';
import type { OverviewExtra } from '../../tracers/overview/snapshot.ts';

export type Value = string | number | boolean;

export interface EventRecord {
	kind: 'finding' | 'slow-request' | 'event';
	/** The same moment and thing have the same id, from any sender and however often. */
	id: string;
	/** `finding.begin`, `finding.end`, `slow-request`. */
	name: string;
	level: Level;
	/** Wall clock, ms. */
	at: number;
	/** Length, ns; absent: a moment. */
	ns?: number;
	message: string;
	process?: { pid: number; name: string };
	/** Further figures; units are in the names. */
	figures: Readonly<Record<string, Value>>;
	/** A slow request with its stages. */
	request?: SlowRequest;
}

/** Identity of a record on this machine since boot. */
function recordId(host: string, boot: string, kind: string, identity: string): string {
	return createHash('sha256').update([host, boot, kind, identity].join('\0')).digest('base64url').slice(0, 27);
}

/** undefined: part of normal operation, which is counted and not reported one by one. */
function levelOf({ severity }: Pick<KernelEvent, 'severity'>): Level | undefined {
	return severity === 'normal' ? undefined : severity;
}

function endpoint(name: string, end: KernelEvent['source']): Record<string, Value> {
	return end ? { [`${name}_address`]: end.address, [`${name}_port`]: end.port } : {};
}

export interface RecordsOptions {
	host: string;
	/** Id of this boot. */
	boot: string;
}

export class Records {
	private readonly options: RecordsOptions;
	private open = new Map<string, Finding>();

	constructor(options: RecordsOptions) {
		this.options = options;
	}

	/** The records of a tick. */
	of(events: readonly SamplerEvent[]): EventRecord[] {
		return events.flatMap((event) => {
			if (event.kind !== 'snapshot') return [];
			const { snapshot } = event;
			switch (snapshot.tab) {
				case 'overview':
					return this.findings(snapshot as Snapshot<object, OverviewExtra>);
				case 'events':
					return this.kernelEvents(snapshot as Snapshot<object, EventsExtra>);
				case 'io':
					return this.requests(snapshot as Snapshot<object, IoExtra>);
				default:
					return [];
			}
		});
	}

	private id(kind: string, identity: string): string {
		return recordId(this.options.host, this.options.boot, kind, identity);
	}

	private findings({ findings, time }: Snapshot<object, OverviewExtra>): EventRecord[] {
		const before = this.open;
		this.open = new Map(findings.map((one) => [`${one.rule}\0${one.subject}\0${one.since}`, one]));
		const begun = [...this.open].filter(([key]) => !before.has(key));
		const ended = [...before].filter(([key]) => !this.open.has(key));
		return [
			...begun.map(([key, one]) => this.finding(key, one, 'begin', Date.parse(one.since))),
			...ended.map(([key, one]) => this.finding(key, one, 'end', Date.parse(time))),
		];
	}

	private finding(key: string, one: Finding, what: 'begin' | 'end', at: number): EventRecord {
		const { rule, level, subject, text, figures, owner, since, excess, peak } = one;
		return {
			kind: 'finding',
			id: this.id('finding', `${key}\0${what}`),
			name: `finding.${what}`,
			level,
			at,
			...(what === 'end' && { ns: Math.max(0, at - Date.parse(since)) * 1e6 }),
			message: `${subject}: ${what === 'end' ? peak.text : text}`,
			...(owner && { process: { pid: owner.pid, name: owner.comm } }),
			figures: { rule, subject, excess, peak_excess: peak.excess, ...figures, ...(owner && { role: owner.role }) },
		};
	}

	private kernelEvents({ events }: Snapshot<object, EventsExtra>): EventRecord[] {
		return events.flatMap((one) => {
			const level = levelOf(one);
			if (level === undefined) return [];
			const { kind, reason, mono_ns, who, pid, comm, text, time, cause, meaning, advice, figures, protocol, device } =
				one;
			return [
				{
					kind: 'event' as const,
					id: this.id('event', [mono_ns, kind, reason, who].join('\0')),
					name: `event.${kind}`,
					level,
					at: Date.parse(time),
					message: text,
					...((pid > 0 || comm !== '') && { process: { pid, name: comm } }),
					figures: {
						kind,
						reason,
						cause,
						who,
						meaning,
						advice,
						...(protocol !== '' && { protocol }),
						...(device !== '' && { device }),
						...endpoint('source', one.source),
						...endpoint('destination', one.destination),
						...figures,
					},
				},
			];
		});
	}

	private requests({ slow, mono_ns, time }: Snapshot<object, IoExtra>): EventRecord[] {
		const offset = Date.parse(time) - mono_ns / 1e6;
		return slow.map((request) => {
			const { device, op, flags, sector, bytes, pid, tid, comm, owner, file, stages, mono_ns: end } = request;
			const ns = stages['total'] ?? 0;
			const parts = Object.entries(stages).filter(([stage]) => stage !== 'total');
			return {
				kind: 'slow-request' as const,
				id: this.id('slow-request', `${end}\0${device}\0${sector}\0${op}`),
				name: 'slow-request',
				level: 'notice' as const,
				at: offset + (end - ns) / 1e6,
				ns,
				message: `${device}: ${op} of ${bytes} bytes took ${(ns / 1e6).toFixed(1)} ms`,
				process: { pid, name: comm },
				figures: {
					device,
					op,
					flags: flags.join(' '),
					sector,
					bytes,
					tid,
					owner,
					...(file !== null && { file }),
					...Object.fromEntries(parts.map(([stage, length]) => [`stage_${stage}_ns`, length])),
				},
				request,
			};
		});
	}
}
