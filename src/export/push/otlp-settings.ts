/** Where OTLP goes and how: the option first, then `OTEL_EXPORTER_OTLP_*` as OpenTelemetry defines them. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { UsageError } from '../../core/errors.ts';
import { parseUrl } from './http.ts';

export const signals = ['metrics', 'logs', 'traces'] as const;
export type Signal = (typeof signals)[number];

export interface OtlpSettings {
	urls: Record<Signal, URL>;
	headers: Record<Signal, Record<string, string>>;
	protocol: 'http/protobuf' | 'http/json';
	gzip: boolean;
	/** ms */
	timeout: number;
	/** Paths; empty: none. */
	ca: string;
	cert: string;
	key: string;
	/** Between two pushes of metrics, ms. */
	interval: number;
	/** `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`. */
	resource: Record<string, string>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** `a=b,c=d` with percent-encoded values. */
function pairs(name: string, text: string): Record<string, string> {
	const all = text.split(',').map((part) => part.trim()).filter((part) => part !== ''); // biome-ignore format: one step
	return Object.fromEntries(
		all.map((part) => {
			const at = part.indexOf('=');
			if (at <= 0) throw new UsageError(`${name}: write name=value,name=value`);
			try {
				return [decodeURIComponent(part.slice(0, at).trim()), decodeURIComponent(part.slice(at + 1).trim())];
			} catch {
				throw new UsageError(`${name}: a value is not percent-encoded`);
			}
		}),
	);
}

/** @throws {UsageError} for what no request can have */
function headers(name: string, text: string): Record<string, string> {
	const all = pairs(name, text);
	for (const [header, value] of Object.entries(all)) {
		try {
			validateHeaderName(header);
			validateHeaderValue(header, value);
		} catch {
			throw new UsageError(`${name}: '${header}' or its value cannot be a header of a request`);
		}
	}
	return all;
}

/** Of a timer, ms: 24 days. */
const LONGEST = 2 ** 31 - 1;

function milliseconds(name: string, text: string | undefined, otherwise: number): number {
	if (text === undefined || text === '') return otherwise;
	const value = Number(text);
	// a timer of more than 31 bits, or of less than 1, fires at once
	if (!(value >= 1 && value <= LONGEST))
		throw new UsageError(`${name}: '${text}' is no number of milliseconds from 1 to ${LONGEST}`);
	return value;
}

const PREFIX = 'OTEL_EXPORTER_OTLP';
const INSTEAD = `${PREFIX}_HEADERS`;
/** OpenTelemetry's own is a minute: a figure of this program is older than an interval then. */
const INTERVAL = 15_000;

/** @param option value of --otlp: a base URL, or `env` @throws {UsageError} */
export function otlpSettings(option: string, env: Env): OtlpSettings {
	const of = (signal: Signal, name: string): string | undefined =>
		env[`${PREFIX}_${signal.toUpperCase()}_${name}`] || env[`${PREFIX}_${name}`] || undefined;
	const base = option === 'env' ? env[`${PREFIX}_ENDPOINT`] : option;
	const url = (signal: Signal): URL => {
		const own = option === 'env' ? env[`${PREFIX}_${signal.toUpperCase()}_ENDPOINT`] : undefined;
		// an endpoint of one signal is taken as it is
		if (own) return parseUrl('otlp', own, INSTEAD);
		if (!base) throw new UsageError(`--otlp env: ${PREFIX}_ENDPOINT is not set`);
		const whole = parseUrl('otlp', base, INSTEAD);
		whole.pathname = `${whole.pathname.replace(/\/$/, '')}/v1/${signal}`;
		return whole;
	};
	const protocol = of('metrics', 'PROTOCOL') ?? 'http/protobuf';
	if (protocol !== 'http/protobuf' && protocol !== 'http/json')
		throw new UsageError(`${PREFIX}_PROTOCOL=${protocol}: wattlag has http/protobuf and http/json`);
	const compression = of('metrics', 'COMPRESSION') ?? 'none';
	if (compression !== 'gzip' && compression !== 'none')
		throw new UsageError(`${PREFIX}_COMPRESSION=${compression}: there are gzip and none`);
	const each = <Value>(make: (signal: Signal) => Value) =>
		Object.fromEntries(signals.map((signal) => [signal, make(signal)])) as Record<Signal, Value>;
	const service = env['OTEL_SERVICE_NAME'];
	return {
		urls: each(url),
		headers: each((signal) => headers(`${PREFIX}_HEADERS`, of(signal, 'HEADERS') ?? '')),
		protocol,
		gzip: compression === 'gzip',
		timeout: milliseconds(`${PREFIX}_TIMEOUT`, of('metrics', 'TIMEOUT'), 10_000),
		ca: of('metrics', 'CERTIFICATE') ?? '',
		cert: of('metrics', 'CLIENT_CERTIFICATE') ?? '',
		key: of('metrics', 'CLIENT_KEY') ?? '',
		interval: milliseconds('OTEL_METRIC_EXPORT_INTERVAL', env['OTEL_METRIC_EXPORT_INTERVAL'], INTERVAL),
		resource: {
			...pairs('OTEL_RESOURCE_ATTRIBUTES', env['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
			...(service && { 'service.name': service }),
		},
	};
}
