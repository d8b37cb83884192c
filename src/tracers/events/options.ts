/** Options of the events tab. All of them may stand in the configuration file, under `[events]`. */
import type { OptionSpec, Options } from '../../core/tracer.ts';
import { event_slots } from '../../generated/events.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Reason, ReasonChanges } from './reasons.ts';
import { EVENT_CAUSES, EVENT_KINDS, EVENT_SEVERITIES } from './snapshot.ts';

const DEFAULTS = { stall: 100, rate: 10, stack: event_slots.STACK_FRAMES };

/** A list with commas of `REASON`, `kind:REASON` or `kind:*`: the error, or undefined. */
export function invalidReasons(text: string): string | undefined {
	for (const name of reasonList(text)) {
		const [, kind, reason] = /^(?:([^:]+):)?(\*|\w+)$/.exec(name) ?? [];
		if (reason === undefined || (kind === undefined && reason === '*'))
			return `'${name}' is not REASON, KIND:REASON or KIND:*`;
		if (kind !== undefined && !(EVENT_KINDS as readonly string[]).includes(kind))
			return `no kind of event '${kind}'; there are ${EVENT_KINDS.join(', ')}`;
	}
	return undefined;
}

function reasonList(text: string): string[] {
	return text
		.split(',')
		.map((name) => name.trim())
		.filter((name) => name !== '');
}

/** Three times in ms: the error, or undefined. Empty: received packets are not timed. */
function invalidLatency(text: string): string | undefined {
	if (text === '') return undefined;
	const times = text.split(',').map((time) => (time.trim() === '' ? Number.NaN : Number(time)));
	const good = times.length === 3 && times.every((time) => time > 0 && time <= 60_000);
	return good ? undefined : `'${text}' is not three times in ms, as 5,10,115`;
}

/** Longer texts would fill a screen. */
const LONGEST_TEXT = 500;

/** Changes of reasons as a JSON object, or what is wrong with it. */
function parseChanges(text: string): ReasonChanges | string {
	let parsed: unknown;
	try {
		parsed = text === '' ? {} : JSON.parse(text);
	} catch {
		return 'not a JSON object';
	}
	if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'not a table';
	const changes: Record<string, Partial<Reason>> = {};
	for (const [name, row] of Object.entries(parsed)) {
		const invalid = invalidReasons(name);
		if (invalid !== undefined || name.includes(',')) return invalid ?? `'${name}': one reason a row`;
		const change = parseChange(row);
		if (typeof change === 'string') return `${name}: ${change}`;
		changes[name] = change;
	}
	return changes;
}

/** One row, or what is wrong with it. */
function parseChange(row: unknown): Partial<Reason> | string {
	if (typeof row !== 'object' || row === null || Array.isArray(row))
		return 'a row has severity, cause, meaning and advice';
	const change: Partial<Reason> = {};
	for (const [field, value] of Object.entries(row)) {
		if (typeof value !== 'string') return `${field} is not a text`;
		if (field === 'severity') {
			const severity = EVENT_SEVERITIES.find((one) => one === value);
			if (severity === undefined) return `severity is one of ${EVENT_SEVERITIES.join(', ')}`;
			change.severity = severity;
		} else if (field === 'cause') {
			const cause = EVENT_CAUSES.find((one) => one === value);
			if (cause === undefined) return `cause is one of ${EVENT_CAUSES.join(', ')}`;
			change.cause = cause;
		} else if (field === 'meaning' || field === 'advice') {
			if (value.length > LONGEST_TEXT) return `${field} is longer than ${LONGEST_TEXT} characters`;
			change[field] = sanitize(value);
		} else return `unknown key '${field}'; known are severity, cause, meaning, advice`;
	}
	return change;
}

export interface EventSettings {
	reasons: ReasonChanges;
	/** Longest times of a received packet at the driver, in the protocols and until it is read, ns; null: not timed. */
	receive_ns: readonly [number, number, number] | null;
	hide: readonly string[];
	show: readonly string[];
	all: boolean;
	stall_ns: number;
	rate: number;
	frames: number;
}

export function eventSettings(options: Options): EventSettings {
	const receive = String(options['events-receive'] ?? '');
	const changes = parseChanges(String(options['events-reasons'] ?? ''));
	return {
		// what is wrong was refused with the options
		reasons: typeof changes === 'string' ? {} : changes,
		receive_ns:
			receive === '' ? null : (receive.split(',').map((time) => Number(time) * 1e6) as [number, number, number]),
		hide: reasonList(String(options['events-hide'] ?? '')),
		show: reasonList(String(options['events-show'] ?? '')),
		all: Boolean(options['events-all'] ?? false),
		stall_ns: Number(options['events-stall'] ?? DEFAULTS.stall) * 1e6,
		rate: Number(options['events-rate'] ?? DEFAULTS.rate),
		frames: Number(options['events-stack'] ?? DEFAULTS.stack),
	};
}

export const eventOptions: readonly OptionSpec[] = [
	{
		name: 'events-hide',
		type: 'string',
		default: '',
		placeholder: 'REASON,…',
		help: 'events to count without listing them: REASON, KIND:REASON or KIND:*, with commas',
		invalid: invalidReasons,
	},
	{
		name: 'events-show',
		type: 'string',
		default: '',
		placeholder: 'REASON,…',
		help: 'events to list although they are part of normal operation, written as above',
		invalid: invalidReasons,
	},
	{
		name: 'events-all',
		type: 'boolean',
		default: false,
		help: 'list all events, those of normal operation too',
	},
	{
		name: 'events-reasons',
		type: 'string',
		default: '',
		placeholder: 'JSON',
		table: 'reasons',
		help: 'rows of the table of reasons that are changed: {"KIND:REASON": {"severity": "normal", "cause": …, "meaning": …, "advice": …}}; normal ones are hidden. In the configuration file: tables [events.reasons."KIND:REASON"]',
		invalid: (text) => {
			const changes = parseChanges(text);
			return typeof changes === 'string' ? changes : undefined;
		},
	},
	{
		name: 'events-stall',
		type: 'number',
		default: DEFAULTS.stall,
		min: 0,
		max: 60_000,
		placeholder: 'MS',
		help: 'reclaim, compaction and throttled writes have a record from this length on; shorter ones are counted',
	},
	{
		name: 'events-rate',
		type: 'number',
		default: DEFAULTS.rate,
		min: 0,
		max: 1000,
		integer: true,
		placeholder: 'N',
		help: 'most records per second, CPU, kind and reason, and as many for groups without one; all events are counted',
	},
	{
		name: 'events-receive',
		type: 'string',
		default: '',
		placeholder: 'MS,MS,MS',
		help: 'report received packets that take longer: driver to protocols, protocols to socket, protocols to process; e.g. 5,10,115. Costs 0.2 µs a packet',
		invalid: invalidLatency,
	},
	{
		name: 'events-stack',
		type: 'number',
		default: DEFAULTS.stack,
		min: 1,
		max: event_slots.DEEP_FRAMES,
		integer: true,
		placeholder: 'N',
		help: 'most functions of the kernel stack in a record',
	},
];
