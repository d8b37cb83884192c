/** A real Prometheus in a folder of its own, which ends with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seconds } from './host.ts';

/** A free port of the loopback address: nothing keeps it, so a start may fail; it is then tried again by the caller. */
export function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			const port = typeof address === 'object' && address ? address.port : 0;
			server.close(() => resolve(port));
		});
	});
}

export interface Engine {
	url: string;
	/** Value by labels as JSON, of an instant query. */
	query(text: string): Promise<{ labels: Record<string, string>; value: number }[]>;
	close(): void;
}

/** Resolves when the condition holds. @throws after `limit` seconds */
export async function until(what: string, limit: number, holds: () => Promise<boolean>): Promise<void> {
	for (const end = Date.now() + limit * 1000; Date.now() < end; await seconds(0.2)) {
		if (await holds().catch(() => false)) return;
	}
	throw new Error(`${what}: not within ${limit} s`);
}

export function engineAt(url: string, close: () => void): Engine {
	return {
		url,
		async query(text) {
			const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`);
			const { data, error } = (await response.json()) as {
				data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
				error?: string;
			};
			if (!data) throw new Error(error);
			return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
		},
		close,
	};
}

export interface PrometheusOptions {
	/** `host:port` of what it scrapes, each second. */
	targets: readonly string[];
	/** Further scrape configurations, as in its file. */
	scrapes?: readonly object[];
	/** Paths of rule files. */
	rules?: readonly string[];
}

export async function startPrometheus({ targets, scrapes = [], rules = [] }: PrometheusOptions): Promise<Engine> {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-prometheus-'));
	const config = {
		global: { scrape_interval: '1s', evaluation_interval: '1s' },
		rule_files: rules,
		scrape_configs: [
			...(targets.length > 0 ? [{ job_name: 'wattlag', static_configs: [{ targets }] }] : []),
			...scrapes,
		],
	};
	// JSON is YAML
	writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
	const port = await freePort();
	const child: ChildProcess = spawn(
		'prometheus',
		[
			`--config.file=${folder}/prometheus.yml`,
			`--storage.tsdb.path=${folder}/data`,
			`--web.listen-address=127.0.0.1:${port}`,
			'--log.level=warn',
		],
		{ stdio: ['ignore', 'ignore', 'inherit'] },
	);
	const end = () => {
		child.kill('SIGKILL');
		rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
	};
	const url = `http://127.0.0.1:${port}`;
	try {
		await until('Prometheus starts', 30, async () => (await fetch(`${url}/-/ready`)).ok);
	} catch (error) {
		end();
		throw error;
	}
	return engineAt(url, end);
}
