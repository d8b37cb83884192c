/**
 * OTLP over HTTP: metrics, events as logs, slow requests as spans. The bytes are OpenTelemetry's library's; queue, retries
 * and losses are ours (docs/decisions.md has the reasons).
 */
import { createHash } from 'node:crypto';
import { SeverityNumber, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import {
	type ISerializer,
	JsonLogsSerializer,
	JsonMetricsSerializer,
	JsonTraceSerializer,
	ProtobufLogsSerializer,
	ProtobufMetricsSerializer,
	ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Level } from '../../tracers/overview/finding.ts';
import { hrTime } from '../otel.ts';
import { type Answer, type Client, reasonOf, statusReason } from './http.ts';
import type { OtlpSettings, Signal } from './otlp-settings.ts';
import type { Batch, Outcome } from './queue.ts';
import type { EventRecord } from './records.ts';

/** Types of the library's serializers, whose packages need not be named. */
type LogRecords = Parameters<typeof JsonLogsSerializer.serializeRequest>[0];
type Spans = Parameters<typeof JsonTraceSerializer.serializeRequest>[0];

const severities: Record<Level, [number: SeverityNumber, text: string]> = {
	severe: [SeverityNumber.ERROR, 'ERROR'],
	high: [SeverityNumber.WARN, 'WARN'],
	notice: [SeverityNumber.INFO, 'INFO'],
};

/** Statuses after which a client may try again (OTLP specification). */
const RETRYABLE = new Set([429, 502, 503, 504]);

export interface Scope {
	resource: Resource;
	instrumentationScope: { name: string; version: string };
}

function attributesOf({ id, kind, process, figures, ns }: EventRecord) {
	const named = Object.entries(figures).map(([name, value]) => [`wattlag.${name}`, value]);
	return {
		'wattlag.kind': kind,
		'wattlag.id': id,
		...(process && { 'process.pid': process.pid, 'process.command': process.name }),
		...(ns !== undefined && { 'wattlag.duration_ns': ns }),
		...Object.fromEntries(named),
	};
}

export function logRecords(records: readonly EventRecord[], scope: Scope, now = Date.now()): LogRecords {
	return records.map((record) => {
		const [severityNumber, severityText] = severities[record.level];
		return {
			...scope,
			hrTime: hrTime(record.at),
			hrTimeObserved: hrTime(now),
			severityNumber,
			severityText,
			body: record.message,
			eventName: `wattlag.${record.name}`,
			attributes: attributesOf(record),
			droppedAttributesCount: 0,
		};
	});
}

function hex(text: string, digits: number): string {
	return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/** A slow request is a span, its stages are its children. */
export function spansOf(records: readonly EventRecord[], scope: Scope): Spans {
	return records.flatMap((record) => {
		const { request } = record;
		if (!request) return [];
		const traceId = hex(record.id, 32);
		const at = (ns: number) => hrTime(record.at + ns / 1e6);
		const span = (key: string, name: string, from: number, ns: number, attributes: object) => ({
			...scope,
			name,
			kind: SpanKind.INTERNAL,
			spanContext: () => ({ traceId, spanId: hex(`${record.id}\0${key}`, 16), traceFlags: TraceFlags.SAMPLED }),
			startTime: at(from),
			endTime: at(from + ns),
			duration: hrTime(ns / 1e6),
			status: { code: SpanStatusCode.UNSET },
			attributes: { ...attributes },
			links: [],
			events: [],
			ended: true,
			droppedAttributesCount: 0,
			droppedEventsCount: 0,
			droppedLinksCount: 0,
		});
		const root = span('', `${request.op} ${request.device}`, 0, record.ns ?? 0, attributesOf(record));
		const children = request.waterfall.map(({ stage, at_ns, ns }, index) => ({
			...span(`${index} ${stage}`, stage, at_ns, ns, {}),
			parentSpanContext: root.spanContext(),
		}));
		return [root, ...children];
	});
}

interface Serializers {
	metrics: ISerializer<ResourceMetrics, object>;
	logs: ISerializer<LogRecords, object>;
	traces: ISerializer<Spans, object>;
}

const serializers: Record<OtlpSettings['protocol'], Serializers> = {
	'http/json': { metrics: JsonMetricsSerializer, logs: JsonLogsSerializer, traces: JsonTraceSerializer },
	'http/protobuf': {
		metrics: ProtobufMetricsSerializer,
		logs: ProtobufLogsSerializer,
		traces: ProtobufTraceSerializer,
	},
};

/** The field of a partial success that has the number of refused ones. */
const refusedField: Record<Signal, string> = {
	metrics: 'rejectedDataPoints',
	logs: 'rejectedLogRecords',
	traces: 'rejectedSpans',
};

/** Fields of a partial success. */
type PartialSuccess = Readonly<Record<string, unknown>>;

export class Otlp {
	private readonly settings: OtlpSettings;
	private readonly client: Client;

	constructor(settings: OtlpSettings, client: Client) {
		this.settings = settings;
		this.client = client;
	}

	metrics(metrics: ResourceMetrics): Batch {
		const points = metrics.scopeMetrics.flatMap((scope) => scope.metrics.map(({ dataPoints }) => dataPoints.length));
		return this.batch(
			'metrics',
			this.serializer('metrics').serializeRequest(metrics),
			points.reduce((a, b) => a + b, 0),
		);
	}

	logs(records: LogRecords): Batch {
		return this.batch('logs', this.serializer('logs').serializeRequest(records), records.length);
	}

	traces(spans: Spans): Batch {
		return this.batch('traces', this.serializer('traces').serializeRequest(spans), spans.length);
	}

	private serializer<Name extends Signal>(signal: Name): Serializers[Name] {
		return serializers[this.settings.protocol][signal];
	}

	private batch(signal: Signal, body: Uint8Array | undefined, count: number): Batch {
		if (!body) return { count: 0, bytes: 0, send: async () => ({ kind: 'done', sent: 0, rejected: 0 }) };
		const { urls, headers, protocol } = this.settings;
		const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
		return {
			count,
			bytes: body.length,
			send: async (stop) => {
				let answer: Answer;
				try {
					answer = await this.client.send(
						'POST',
						urls[signal],
						{ 'Content-Type': type, ...headers[signal] },
						body,
						stop,
					);
				} catch (error) {
					return { kind: 'retry', reason: reasonOf(error) };
				}
				return this.outcome(signal, answer, count);
			},
		};
	}

	/** @throws for what is no answer of OTLP: a page to log in has status 200, too */
	private partialSuccess(signal: Signal, body: Buffer): PartialSuccess | null | undefined {
		// the library takes any text for an answer without contents
		if (this.settings.protocol === 'http/json' && body.length > 0) {
			const answer: unknown = JSON.parse(body.toString('utf8'));
			if (typeof answer !== 'object') throw new Error('no object');
		}
		const answer = this.serializer(signal).deserializeResponse(body) as { partialSuccess?: PartialSuccess } | null;
		return answer?.partialSuccess;
	}

	private outcome(signal: Signal, { status, retryAfter, body }: Answer, count: number): Outcome {
		const reason = statusReason(status);
		if (reason !== undefined) {
			if (RETRYABLE.has(status)) return { kind: 'retry', reason, after: retryAfter };
			return { kind: 'done', sent: 0, rejected: count, reason };
		}
		let partialSuccess: PartialSuccess | null | undefined;
		try {
			partialSuccess = this.partialSuccess(signal, body);
		} catch {
			return { kind: 'retry', reason: 'its answer is not that of OTLP' };
		}
		const refused = Number(partialSuccess?.[refusedField[signal]] ?? 0);
		const rejected = Number.isFinite(refused) ? Math.min(count, Math.max(0, refused)) : 0;
		const why = partialSuccess?.['errorMessage'];
		return {
			kind: 'done',
			sent: count - rejected,
			rejected,
			...(typeof why === 'string' && why !== '' && { reason: why }),
		};
	}
}
