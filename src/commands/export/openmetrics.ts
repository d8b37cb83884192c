/** Metrics with times: what `serve` would have exported. */
import { openMetricsFile } from '../../export/openmetrics-file.ts';
import type { Exporter } from './exporter.ts';

/** A recording is one host; a file has room for all of its series. */
const SERIES = 2000;

export const openmetrics: Exporter = ({ snapshots, machine, version }) =>
	openMetricsFile(snapshots, { version, host: machine.host, kernel: machine.kernel, series: SERIES });
