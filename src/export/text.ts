/** Prometheus's text format 0.0.4, by OpenTelemetry's library. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { type OtelOptions, resourceMetrics } from './otel.ts';
import type { Family } from './series.ts';

export const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusText(families: Iterable<Family>, options: OtelOptions): string {
	// neither target_info nor labels of the scope: the scraper names the target
	const serializer = new PrometheusSerializer('', false, undefined, true, true);
	return serializer.serialize(resourceMetrics(families, { ...options, prometheus: true }));
}
