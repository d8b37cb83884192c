/**
 * A PostgreSQL that is slow for one of four reasons, to be found from the overview by keyboard (docs/profiles.md):
 * `node --no-warnings test/triage/slow-postgres.ts hot-row|missing-index|small-buffer|hog [seconds]`.
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Postgres, postgresFolder, start, stop } from './postgres.ts';

const PORT = 55_433;
const CLIENTS = ['-c', '6', '-j', '1', '-M', 'prepared'];

interface Reason {
	settings?: readonly string[];
	/** Statements of each client. */
	sql: string;
	beside?: () => ChildProcess[];
}

const reasons: Readonly<Record<string, Reason>> = {
	// every client wants the lock of one row, and holds it for some ms
	'hot-row': {
		sql: 'BEGIN; UPDATE pgbench_branches SET bbalance = bbalance + 1 WHERE bid = 1; SELECT pg_sleep(0.005); COMMIT;',
	},
	// the column has no index: each query reads the table
	'missing-index': { sql: '\\set n random(1, 500000)\nSELECT count(*) FROM pgbench_accounts WHERE abalance = :n;' },
	// the table is far larger than what the server keeps: pages come from the kernel
	'small-buffer': {
		settings: ['shared_buffers = 128kB', 'max_connections = 10', 'max_parallel_workers_per_gather = 0'],
		sql: '\\set n random(1, 500000)\nSELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN :n AND :n + 20000;',
	},
	hog: {
		sql: '\\set n random(1, 500000)\nSELECT abalance FROM pgbench_accounts WHERE aid = :n;',
		beside: () => cpus().flatMap(() => [hog(), hog()]),
	},
};

/** A program of another user that only computes. */
function hog(): ChildProcess {
	return start(['python3', '-c', 'while True: pass']);
}

const [what = '', seconds = '60'] = process.argv.slice(2);
const reason = reasons[what];
const programs = postgresFolder();
if (!reason || !programs) {
	process.stderr.write(
		reason
			? 'PostgreSQL and pgbench are not installed\n'
			: `usage: slow-postgres.ts ${Object.keys(reasons).join('|')} [seconds]\n`,
	);
	process.exit(2);
}
const postgres = new Postgres(programs, PORT, reason.settings);
const children: ChildProcess[] = [];
try {
	const script = join(postgres.folder, 'client.sql');
	writeFileSync(script, reason.sql, { mode: 0o644 });
	children.push(postgres.pgbench(...CLIENTS, '-f', script), ...(reason.beside?.() ?? []));
	process.stdout.write(`${what}: PostgreSQL on port ${PORT} is slow for ${seconds} s\n`);
	const stopped = new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
	await Promise.race([stopped, setTimeout(Number(seconds) * 1000)]);
} finally {
	await Promise.all(children.map(stop));
	postgres.close();
}
process.exit(0);
