/** Series in OpenTelemetry's metric model, for its libraries, which make the bytes. */
import { type HrTime, ValueType } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
	AggregationTemporality,
	DataPointType,
	type MetricData,
	type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Instrument, otelName, ucum } from './instruments.ts';
import type { Identity } from './mapping.ts';
import type { Family, Series } from './series.ts';

/** ms since 1970 → seconds and nanoseconds. */
export function hrTime(ms: number): HrTime {
	const seconds = Math.floor(ms / 1000);
	return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

/** The machine, by the semantic conventions' names. */
export function resourceOf(
	{ version, host, kernel }: Identity,
	further: Readonly<Record<string, string>> = {},
): Resource {
	return resourceFromAttributes({
		'service.name': 'wattlag',
		'service.version': version,
		'host.name': host,
		'os.type': 'linux',
		'os.version': kernel,
		...further,
	});
}

function point<Value>({ labels, created }: Series, endTime: HrTime, value: Value) {
	return { startTime: hrTime(created), endTime, attributes: { ...labels }, value };
}

interface Naming {
	name: string;
	unit: string;
}

function metricOf(instrument: Instrument, naming: Naming, series: Iterable<Series>, end: HrTime): MetricData {
	const descriptor = {
		...naming,
		description: instrument.help,
		valueType: ValueType.DOUBLE,
	};
	const base = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
	const all = [...series];
	switch (instrument.kind) {
		case 'gauge': {
			const dataPoints = all.map((one) => point(one, end, one.value));
			return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
		}
		case 'counter': {
			const dataPoints = all.map((one) => point(one, end, one.value));
			return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
		}
		case 'histogram': {
			const boundaries = (instrument.bounds_ns ?? []).map((bound) => bound / 1e9);
			const dataPoints = all.map((one) => {
				const { counts = new Float64Array(boundaries.length + 1), sum = 0, count = 0 } = one.histogram ?? {};
				return point(one, end, { buckets: { boundaries, counts: Array.from(counts) }, sum, count });
			});
			return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
		}
	}
}

const otelNaming = (instrument: Instrument) => ({ name: otelName(instrument), unit: ucum(instrument) });
const prometheusNaming = ({ name, unit }: Instrument) => ({ name, unit: unit === 'none' ? '' : unit });

export interface OtelOptions {
	resource: Resource;
	version: string;
	/** ms since 1970 */
	at: number;
	/** Prometheus's names instead of OpenTelemetry's. */
	prometheus?: boolean;
}

/** Everything there is now. */
export function resourceMetrics(
	families: Iterable<Family>,
	{ resource, version, at, prometheus = false }: OtelOptions,
): ResourceMetrics {
	const end = hrTime(at);
	const metrics = Array.from(families, ({ instrument, series }) =>
		metricOf(instrument, prometheus ? prometheusNaming(instrument) : otelNaming(instrument), series, end),
	);
	return { resource, scopeMetrics: [{ scope: { name: 'wattlag', version }, metrics }] };
}
