/**
 * Data streams of Elasticsearch and OpenSearch, by the plain HTTP that both speak: the client of the one refuses the other.
 * Only `create` is used, with ids that follow from what happened, so that nothing is there twice.
 */
import type { Level } from '../../tracers/overview/finding.ts';
import { type Answer, type Client, reasonOf, statusReason } from './http.ts';
import type { Batch, Outcome } from './queue.ts';
import type { EventRecord } from './records.ts';

/** Most records and bytes of a request. */
const MOST_RECORDS = 1000;
const MOST_BYTES = 5 * 2 ** 20;
/** Version of the field names. */
const ECS = '8.11.0';

const severities: Record<Level, [number: number, level: string]> = {
	severe: [73, 'error'],
	high: [47, 'warn'],
	notice: [21, 'info'],
};

export interface HostFields {
	name: string;
	kernel: string;
	version: string;
}

const datasets: Record<EventRecord['kind'], string> = {
	finding: 'wattlag.finding',
	'slow-request': 'wattlag.slow_request',
	event: 'wattlag.event',
};

/** Name of the data stream: type, dataset, namespace. */
function streamOf(kind: EventRecord['kind']): string {
	return `logs-${datasets[kind]}-default`;
}

/** One record by the names of the Elastic Common Schema. */
function documentOf(record: EventRecord, host: HostFields): object {
	const { kind, name, level, at, ns, message, process, figures, id } = record;
	const [severity, text] = severities[level];
	return {
		'@timestamp': new Date(at).toISOString(),
		ecs: { version: ECS },
		data_stream: { type: 'logs', dataset: datasets[kind], namespace: 'default' },
		event: {
			id,
			kind: kind === 'finding' ? 'alert' : 'event',
			category: ['host'],
			type: [name === 'finding.end' ? 'end' : name === 'finding.begin' ? 'start' : 'info'],
			action: name,
			module: 'wattlag',
			dataset: datasets[kind],
			severity,
			...(ns !== undefined && { duration: Math.round(ns) }),
		},
		log: { level: text },
		message,
		host: { name: host.name, os: { type: 'linux', kernel: host.kernel } },
		agent: { type: 'wattlag', version: host.version },
		...(process && { process: { name: process.name, ...(process.pid > 0 && { pid: process.pid }) } }),
		...(figures['rule'] !== undefined && { rule: { id: figures['rule'] } }),
		wattlag: figures,
	};
}

/** Template of the data streams: keywords and numbers by themselves, no more fields than there are. */
const indexTemplate = {
	index_patterns: ['logs-wattlag.*-*'],
	data_stream: {},
	priority: 500,
	_meta: { description: 'wattlag: findings, slow requests, events' },
	template: {
		settings: { 'index.mapping.total_fields.limit': 500, 'index.mapping.ignore_malformed': true },
		mappings: {
			dynamic_templates: [
				{
					figures: {
						path_match: 'wattlag.*',
						match_mapping_type: 'string',
						mapping: { type: 'keyword', ignore_above: 1024 },
					},
				},
			],
			properties: {
				'@timestamp': { type: 'date' },
				message: { type: 'text' },
				ecs: { properties: { version: { type: 'keyword' } } },
				event: {
					properties: {
						id: { type: 'keyword' },
						kind: { type: 'keyword' },
						category: { type: 'keyword' },
						type: { type: 'keyword' },
						action: { type: 'keyword' },
						module: { type: 'keyword' },
						dataset: { type: 'keyword' },
						severity: { type: 'long' },
						duration: { type: 'long' },
					},
				},
				log: { properties: { level: { type: 'keyword' } } },
				host: { properties: { name: { type: 'keyword' } } },
				process: { properties: { name: { type: 'keyword' }, pid: { type: 'long' } } },
				rule: { properties: { id: { type: 'keyword' } } },
			},
		},
	},
} as const;

interface Item {
	/** Two lines of the request. */
	text: string;
	bytes: number;
}

interface BulkAnswer {
	errors?: boolean;
	items?: { create?: { status?: number; error?: { type?: string; reason?: string } } }[];
}

export interface BulkOptions {
	/** Of the server; its path is kept. */
	url: URL;
	client: Client;
	/** Value of the header; undefined: none. */
	authorization?: string | undefined;
	host: HostFields;
}

export class Bulk {
	private readonly options: BulkOptions;

	constructor(options: BulkOptions) {
		this.options = options;
	}

	/** Write the index template. Resolves with what went wrong; undefined: nothing. */
	async prepare(signal?: AbortSignal): Promise<string | undefined> {
		try {
			const url = this.at('_index_template/wattlag');
			const { status } = await this.options.client.send('PUT', url, this.headers('application/json'), JSON.stringify(indexTemplate), signal); // biome-ignore format: one call
			return statusReason(status);
		} catch (error) {
			return reasonOf(error);
		}
	}

	/** As many batches as the limits ask for. */
	batches(records: readonly EventRecord[]): Batch[] {
		const items = records.map((record): Item => {
			const action = JSON.stringify({ create: { _index: streamOf(record.kind), _id: record.id } });
			const text = `${action}\n${JSON.stringify(documentOf(record, this.options.host))}\n`;
			return { text, bytes: Buffer.byteLength(text) };
		});
		const batches: Item[][] = [];
		let bytes = 0;
		for (const item of items) {
			const last = batches.at(-1);
			if (last && last.length < MOST_RECORDS && bytes + item.bytes <= MOST_BYTES) {
				last.push(item);
				bytes += item.bytes;
			} else {
				batches.push([item]);
				bytes = item.bytes;
			}
		}
		return batches.map((some) => this.batch(some));
	}

	private batch(items: readonly Item[]): Batch {
		return {
			count: items.length,
			bytes: items.reduce((sum, { bytes }) => sum + bytes, 0),
			send: async (signal) => {
				const body = items.map(({ text }) => text).join('');
				const url = this.at('_bulk');
				let answer: Answer;
				try {
					answer = await this.options.client.send('POST', url, this.headers('application/x-ndjson'), body, signal);
				} catch (error) {
					return { kind: 'retry', reason: reasonOf(error) };
				}
				return this.outcome(items, answer);
			},
		};
	}

	/** Success of the request says nothing: each item has a status of its own. */
	private outcome(items: readonly Item[], { status, retryAfter, body }: Answer): Outcome {
		const reason = statusReason(status);
		if (reason !== undefined) {
			// credentials and overload may be fixed; a malformed record stays malformed
			if (status === 429 || status >= 500 || status === 401 || status === 403)
				return { kind: 'retry', reason, after: retryAfter };
			return { kind: 'done', sent: 0, rejected: items.length, reason };
		}
		let answer: BulkAnswer;
		try {
			answer = JSON.parse(body.toString('utf8')) as BulkAnswer;
			if (!Array.isArray(answer?.items) || answer.items.length !== items.length) throw new Error();
		} catch {
			return { kind: 'retry', reason: 'its answer is not that of a _bulk request' };
		}
		const left: Item[] = [];
		let sent = 0;
		let rejected = 0;
		let why: string | undefined;
		for (const [index, item] of answer.items.entries()) {
			const create = item?.create;
			const code = create?.status ?? 0;
			// 409: it is there already
			if ((code >= 200 && code < 300) || code === 409) sent++;
			else if (code === 429 || code >= 500) left.push(items[index] as Item);
			else {
				rejected++;
				why ??= `${create?.error?.type ?? 'status'} ${create?.error?.reason ?? code}`.slice(0, 200);
			}
		}
		if (left.length > 0) {
			const text = `${left.length} of ${items.length} records: it is overloaded`;
			return { kind: 'retry', reason: text, after: retryAfter, sent, rejected, left: this.batch(left) };
		}
		return { kind: 'done', sent, rejected, ...(why !== undefined && { reason: why }) };
	}

	private headers(type: string): Record<string, string> {
		const { authorization } = this.options;
		return { 'Content-Type': type, ...(authorization !== undefined && { Authorization: authorization }) };
	}

	private at(path: string): URL {
		const url = new URL(this.options.url);
		url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
		return url;
	}
}
