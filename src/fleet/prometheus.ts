/** Rows of a fleet from a server of the Prometheus HTTP API. */
import { UsageError } from '../core/errors.ts';
import { type Answer, type Client, reasonOf, statusReason } from '../export/push/http.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import { type QueryName, type QueryOptions, queries } from './promql.ts';
import { emptyRow, type FleetRow, type Severity } from './rows.ts';

interface Sample {
	metric: Readonly<Record<string, string>>;
	value: number;
}

/** Hosts of a fleet; what a server answers beyond it is not read. */
const MOST_HOSTS = 20_000;

/** Text by name, as the API has it; a server may send anything. */
function isLabels(metric: unknown): metric is Sample['metric'] {
	if (typeof metric !== 'object' || metric === null) return false;
	return Object.values(metric).every((value) => typeof value === 'string');
}

/** @throws what is wrong with the answer, in words */
export function samplesOf({ status, body }: Answer): { samples: Sample[]; at: number } {
	let answer: { status?: string; error?: string; errorType?: string; data?: { resultType?: string; result?: unknown } };
	try {
		answer = JSON.parse(body.toString('utf8')) as typeof answer;
	} catch {
		throw new Error(statusReason(status) ?? 'it does not answer as Prometheus does (no JSON)');
	}
	if (answer?.status === 'error')
		throw new Error(`PromQL: ${sanitize(String(answer.error ?? answer.errorType)).slice(0, 200)}`);
	const reason = statusReason(status);
	if (reason !== undefined) throw new Error(reason);
	const result = answer?.data?.result;
	if (answer?.data?.resultType !== 'vector' || !Array.isArray(result))
		throw new Error('it does not answer as Prometheus does (no vector)');
	let at = 0;
	const samples = result.slice(0, 5 * MOST_HOSTS).flatMap((one: { metric?: unknown; value?: unknown } | null) => {
		const { metric, value } = one ?? {};
		if (!isLabels(metric) || !Array.isArray(value)) return [];
		at = Number(value[0]) || at;
		return [{ metric, value: Number(value[1]) }];
	});
	return { samples, at };
}

const severities: Readonly<Record<string, Severity>> = { severe: 3, high: 2, notice: 1 };

const text = (value: string | undefined): SafeText => sanitize(value ?? '');
const keyOf = ({ instance = '', job = '' }: Readonly<Record<string, string>>): string => `${job}\0${instance}`;
/** NaN is the quantile of an empty histogram. */
const known = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Labels of the target beside those that every metric of ours has. */
const notOfTarget = new Set(['__name__', 'version', 'kernel', 'sysname', 'release', 'machine', 'domainname']);

function labelsOf(metric: Readonly<Record<string, string>>): Record<string, SafeText> {
	const all = Object.entries(metric).filter(([name]) => !notOfTarget.has(name));
	return Object.fromEntries(all.map(([name, value]) => [sanitize(name), sanitize(value)]));
}

/** Answers of all queries → rows, in the order of host names. Pure. */
export function rowsOf(answers: Readonly<Record<QueryName, readonly Sample[]>>, at: number, stale: number): FleetRow[] {
	const rows = new Map<string, FleetRow>();
	for (const { metric } of answers.hosts) {
		const ours = metric['__name__'] !== 'node_uname_info' && metric['nodename'] === undefined;
		const host = text(ours ? metric['host'] : metric['nodename']);
		const row = emptyRow(host === '' ? text(metric['instance']) : host, text(metric['instance']));
		rows.set(keyOf(metric), { ...row, labels: labelsOf(metric), from: ours ? safe`wattlag` : safe`node` });
	}
	const each = (name: QueryName, take: (row: FleetRow, value: number, metric: Sample['metric']) => void) => {
		for (const { metric, value } of answers[name]) {
			const row = rows.get(keyOf(metric));
			if (row) take(row, value, metric);
		}
	};
	each('age', (row, value) => {
		row.age_s = known(Math.max(0, value));
	});
	each('findings', (row, value, metric) => {
		const severity = severities[metric['level'] ?? ''] ?? 0;
		if (severity < row.severity) return;
		const owner = metric['owner'] ? safe` (${text(metric['owner'])})` : safe``;
		row.severity = severity;
		row.finding = safe`${text(metric['rule'])}: ${text(metric['subject'])}${owner}`;
		row.since_s = at > 0 ? known(Math.max(0, at - value)) : null;
	});
	each('cpu', (row, value) => {
		row.cpu = known(value);
	});
	each('power', (row, value, { figure }) => {
		if (figure === 'watts') row.watts = known(value);
		else row.watts_error = known(value);
	});
	each('wait', (row, value) => {
		row.wait_p99_ns = known(value * 1e9);
	});
	each('io', (row, value) => {
		row.io_p99_ns = known(value * 1e9);
	});
	each('rates', (row, value, { figure }) => {
		if (figure === 'irq' || figure === 'events' || figure === 'drops' || figure === 'lost') row[figure] = known(value);
	});
	for (const row of rows.values()) {
		row.up = row.age_s !== null && row.age_s <= stale;
		if (row.up) continue;
		row.state = row.age_s === null ? safe`no figures` : safe`no new figures`;
		// a scraper keeps the last value for five minutes: it is not the present
		row.severity = 0;
		row.finding = safe``;
		row.since_s = null;
	}
	return onlyOnce([...rows.values()]).sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.instance < b.instance ? -1 : 1)); // biome-ignore format: one order
}

/** A host that wattlag and node_exporter report is one row: ours, with node_exporter's name gone. */
function onlyOnce(rows: readonly FleetRow[]): FleetRow[] {
	const ours = new Set(rows.filter(({ from }) => from === 'wattlag').map(({ host }) => host));
	return rows.filter(({ from, host }) => from === 'wattlag' || !ours.has(host));
}

export interface PromOptions extends QueryOptions {
	url: URL;
	client: Client;
	/** Value of the header; undefined: none. */
	authorization?: string | undefined;
	/** Age from which a host counts as down, s. */
	stale: number;
}

export class PrometheusSource {
	private readonly options: PromOptions;
	private readonly queries: Record<QueryName, string>;

	constructor(options: PromOptions) {
		this.options = options;
		this.queries = queries(options);
	}

	/** One refresh. Rejects with one line. */
	async rows(signal?: AbortSignal): Promise<FleetRow[]> {
		let at = 0;
		const names = Object.keys(this.queries) as QueryName[];
		const answers = await Promise.all(
			names.map(async (name) => {
				const { samples, at: time } = await this.query(this.queries[name], signal);
				at = Math.max(at, time);
				return [name, samples] as const;
			}),
		);
		const all = Object.fromEntries(answers) as Record<QueryName, Sample[]>;
		return rowsOf(all, at, this.options.stale);
	}

	/** Is it a server that answers at all? @throws {UsageError} */
	async check(): Promise<void> {
		try {
			await this.query('vector(1)');
		} catch (error) {
			throw new UsageError(`--prometheus ${this.options.url}: ${(error as Error).message}`);
		}
	}

	close(): void {
		this.options.client.close();
	}

	private async query(query: string, signal?: AbortSignal): Promise<{ samples: Sample[]; at: number }> {
		const { url, client, authorization } = this.options;
		const path = new URL(url);
		path.pathname = `${path.pathname.replace(/\/$/, '')}/api/v1/query`;
		const headers = {
			'Content-Type': 'application/x-www-form-urlencoded',
			...(authorization !== undefined && { Authorization: authorization }),
		};
		const body = new URLSearchParams({ query }).toString();
		let answer: Answer;
		try {
			answer = await client.send('POST', path, headers, body, signal);
		} catch (error) {
			throw new Error(reasonOf(error));
		}
		return samplesOf(answer);
	}
}
