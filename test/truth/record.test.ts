/** The recorder on the running kernel: what it writes, and what becomes of it when it ends badly. Each test mostly waits: all at once. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, type TestContext, test } from 'vitest';
import { statedRule } from '../../src/recording/merge-rules.ts';

const run = promisify(execFile);
const schema = JSON.parse(readFileSync('docs/batch.schema.json', 'utf8')) as object;
const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
let root: string;

beforeAll(() => {
	root = mkdtempSync(join(tmpdir(), 'wattlag-record-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Line {
	tab: string;
	time: string;
	dt_ns: number;
	rows: { pid?: number; comm?: string; cpu_ns?: number }[];
	[field: string]: unknown;
}

/** Numeric fields without a rule by which intervals of them become one; what is kept whole, and times by name, have none. */
function unruled(value: unknown, found = new Set<string>()): Set<string> {
	if (Array.isArray(value)) for (const one of value) unruled(one, found);
	else if (typeof value === 'object' && value !== null)
		for (const [name, field] of Object.entries(value)) {
			const rule = statedRule(name);
			const isNumeric = typeof field === 'number' || (Array.isArray(field) && typeof field[0] === 'number');
			if (isNumeric && rule === undefined) found.add(name);
			if (!isNumeric && rule !== 'last-whole' && rule !== 'buckets' && name !== 'slow' && !name.endsWith('_ns'))
				unruled(field, found);
		}
	return found;
}

async function exported(path: string, ...args: string[]): Promise<{ lines: Line[]; said: string }> {
	const { stdout, stderr } = await run('bin/wattlag', ['export', path, ...args], { maxBuffer: 1 << 28 });
	const lines = stdout
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line) as Line);
	return { lines, said: stderr };
}

/** A recorder that ends with the test; what it said so far. */
function recorder(
	{ onTestFinished }: TestContext,
	...args: string[]
): { child: ChildProcess; said(): string; ended: Promise<number | null> } {
	const child = spawn('bin/wattlag', ['record', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
	let text = '';
	child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
		text += chunk;
	});
	onTestFinished(() => void child.kill('SIGKILL'));
	const ended = once(child, 'exit').then(([code]) => code as number | null);
	return { child, said: () => text, ended };
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
	for (let tries = 0; !condition(); tries++) {
		if (tries > 150) throw new Error(`not in 15 s: ${what()}`);
		await pause(100);
	}
}

const bytesIn = (path: string) =>
	readdirSync(path).reduce((sum, name) => sum + (name.endsWith('.wlr') ? statSync(join(path, name)).size : 0), 0);

test.concurrent('a command is recorded as long as it runs: its exit code, its CPU time, lines that fit the schema', async ({
	expect,
}) => {
	const path = join(root, 'command');
	// two seconds of its own CPU time, by its own clock
	const burn =
		'import os, time\nwhile time.process_time() < 2: pass\nprint(os.getpid(), time.process_time())\nraise SystemExit(5)';
	const words = ['record', path, '--tabs', 'energy,runqlat,overview', '--', 'python3', '-c', burn];
	const error = await run('bin/wattlag', words).then(
		() => undefined,
		(failure: { code: number; stdout: string }) => failure,
	);
	expect(error?.code).toBe(5);
	const [child, own] = (error?.stdout ?? '').split(' ').map(Number) as [number, number];
	const { lines, said } = await exported(path);
	expect(said).toBe('');
	for (const line of lines) {
		validate(line);
		expect(validate.errors ?? []).toEqual([]);
	}
	expect([...unruled(lines)]).toEqual([]);
	expect(new Set(lines.map(({ tab }) => tab))).toEqual(new Set(['energy', 'runqlat', 'overview']));
	const counted = lines
		.filter(({ tab }) => tab === 'energy')
		.flatMap(({ rows }) => rows)
		.filter(({ pid }) => pid === child)
		.reduce((sum, { cpu_ns = 0 }) => sum + cpu_ns / 1e9, 0);
	// the last interval ends with the recorder, after the command
	expect(counted).toBeGreaterThan(own * 0.6);
	expect(counted).toBeLessThan(own + 0.5);
	expect((await exported(path, '--tab', 'energy', '--limit', '1')).lines.every(({ rows }) => rows.length <= 1)).toBe(
		true,
	);
});

test.concurrent('killed at any moment: the prefix plays; the folder takes the next recorder; a second one is refused', async (context) => {
	const { expect } = context;
	const path = join(root, 'killed');
	const first = recorder(context, path, '--delay', '0.2', '--tabs', 'energy,runqlat');
	await until(() => readdirSync(root).includes('killed') && bytesIn(path) > 20_000, first.said);
	await expect(run('bin/wattlag', ['record', path])).rejects.toMatchObject({
		code: 2,
		stderr: expect.stringContaining('another wattlag records there'),
	});
	first.child.kill('SIGKILL');
	await first.ended;
	const before = (await exported(path)).lines.length;
	expect(before).toBeGreaterThan(4);
	const second = recorder(context, path, '--delay', '0.2', '--tabs', 'energy', '--duration', '1');
	expect(await second.ended).toBe(0);
	expect((await exported(path)).lines.length).toBeGreaterThan(before);
});

test.concurrent('a full disk: it is said, recording goes on when there is room, and the exit code tells', async (context) => {
	const { expect, onTestFinished } = context;
	const path = join(root, 'full');
	execFileSync('mkdir', [path]);
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'full', path]);
	onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
	writeFileSync(join(path, 'others'), Buffer.alloc(970_000));
	const recording = recorder(context, path, '--delay', '0.1', '--tabs', 'energy,runqlat,irq', '--keep-free', '0.001');
	await until(() => recording.said().includes('recording stopped'), recording.said);
	expect(recording.said()).toMatch(/recording stopped: .*(ENOSPC|no space)/);
	// among many busy programs it has its turn
	const [, fields = ''] = readFileSync(`/proc/${recording.child.pid}/stat`, 'latin1').split(') ');
	expect(fields.split(' ')[16]).toBe('-20');
	rmSync(join(path, 'others'));
	await until(() => recording.said().includes('recording again'), recording.said);
	recording.child.kill('SIGINT');
	expect(await recording.ended).toBe(1);
	expect(recording.said()).toMatch(/frames lost/);
	const { lines } = await exported(path);
	expect(lines.length).toBeGreaterThan(0);
});

test.concurrent('a mark, and SIGUSR2: a bundle that replays by itself', async (context) => {
	const { expect } = context;
	const path = join(root, 'captured');
	const recording = recorder(context, path, '--tabs', 'energy,overview', '--delay', '0.5');
	await until(() => readdirSync(root).includes('captured') && bytesIn(path) > 0, recording.said);
	await run('bin/wattlag', ['record', path, '--mark', 'here \x1b[2J']);
	recording.child.kill('SIGUSR2');
	await until(() => recording.said().includes('capturing: signal'), recording.said);
	// what is being captured is written at the end, without waiting for its tools
	recording.child.kill('SIGTERM');
	expect(await recording.ended).toBe(0);
	expect(recording.said()).toContain('captured 1, suppressed 0');
	const { stdout } = await run('bin/wattlag', ['captures', path, '--json']);
	const listed = JSON.parse(stdout) as { path: string; cause: string; problem: null; files: string[] };
	expect(listed).toMatchObject({ cause: 'signal', problem: null });
	expect(listed.files).toEqual(expect.arrayContaining(['triage.txt', 'marks', expect.stringMatching(/^segments\//)]));
	expect((await exported(listed.path)).lines.length).toBeGreaterThan(0);
	const redacted = join(root, 'redacted.wlb');
	await run('bin/wattlag', ['export', listed.path, '--format', 'wlb', '--redact', '--out', redacted]);
	const names = (await exported(redacted)).lines.flatMap(({ rows }) => rows.map(({ comm }) => comm));
	expect(names.length).toBeGreaterThan(0);
	expect(names).not.toContain('wattlag');
});
