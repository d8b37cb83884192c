/** A PostgreSQL server of its own, started in a folder of its own, with pgbench beside it. Needs the distribution's packages. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const USER = 'postgres';

/** The folder of the programs; undefined: not installed. */
export function postgresFolder(): string | undefined {
	return globSync('/usr/lib/postgresql/*/bin')
		.filter((folder) => globSync(`${folder}/{initdb,pgbench}`).length === 2)
		.sort()
		.at(-1);
}

/** Ends with the whole group, also when this program is killed: `timeout` runs on its own. */
export function start(command: readonly string[], seconds = 120): ChildProcess {
	const child = spawn('timeout', ['-k', '2', String(seconds), ...command], {
		stdio: ['pipe', 'ignore', 'ignore'],
		detached: true,
	});
	child.on('error', () => {});
	child.stdin?.on('error', () => {});
	return child;
}

export async function stop(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
	const ended = new Promise((resolve) => child.once('exit', resolve));
	try {
		process.kill(-child.pid, 'SIGCONT');
		process.kill(-child.pid, 'SIGTERM');
	} catch {
		return;
	}
	await ended;
}

export class Postgres {
	readonly folder: string;
	private readonly programs: string;
	readonly port: number;

	constructor(programs: string, port: number, settings: readonly string[] = []) {
		this.programs = programs;
		this.port = port;
		this.folder = mkdtempSync(join(tmpdir(), 'wattlag-triage-'));
		const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, USER], { encoding: 'utf8' })));
		chownSync(this.folder, uid as number, gid as number);
		this.run('initdb', '-D', this.data, '-A', 'trust', '-N');
		const lines = [
			`port = ${port}`,
			`unix_socket_directories = '${this.folder}'`,
			"listen_addresses = '127.0.0.1'",
			...settings,
		];
		appendFileSync(join(this.data, 'postgresql.conf'), `${lines.join('\n')}\n`);
		this.run('pg_ctl', '-D', this.data, '-l', join(this.folder, 'log'), '-w', 'start');
		this.run('createdb', ...this.at, 'bench');
		this.run('pgbench', ...this.at, '-i', '-q', '-s', '5', 'bench');
	}

	/** Sessions of the clients: `-c 8`, `-f file`. */
	pgbench(...options: string[]): ChildProcess {
		return start(this.command('pgbench', ...this.at, '-n', '-T', '3600', ...options, 'bench'), 3600);
	}

	/** A session whose statements are written to its standard input. */
	session(): ChildProcess {
		return start(this.command('psql', ...this.at, '-q', 'bench'));
	}

	query(sql: string): string {
		return this.run('psql', ...this.at, '-Atc', sql, 'bench');
	}

	close(): void {
		spawnSync(
			'runuser',
			['-u', USER, '--', join(this.programs, 'pg_ctl'), '-D', this.data, '-m', 'immediate', '-w', 'stop'],
			{ timeout: 20_000 },
		);
		rmSync(this.folder, { recursive: true, force: true });
	}

	private get data(): string {
		return join(this.folder, 'data');
	}

	private get at(): string[] {
		return ['-h', this.folder, '-p', String(this.port)];
	}

	private command(program: string, ...args: string[]): string[] {
		return ['runuser', '-u', USER, '--', join(this.programs, program), ...args];
	}

	private run(program: string, ...args: string[]): string {
		const [command = '', ...words] = this.command(program, ...args);
		return execFileSync(command, words, {
			encoding: 'utf8',
			timeout: 60_000,
			stdio: ['ignore', 'pipe', 'pipe'],
			cwd: '/',
		});
	}
}
