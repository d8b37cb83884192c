/** The built program's batch output on the running kernel, held against the documented schema. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const schema = JSON.parse(readFileSync('docs/batch.schema.json', 'utf8')) as object;
const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);

const pages = ['batch', 'events'].map((page) => readFileSync(`docs/${page}.md`, 'utf8')).join('\n');

/** Names in the objects that the schema leaves open, wherever they are in a line. */
function openNames(value: unknown, found = new Set<string>()): Set<string> {
	if (Array.isArray(value)) for (const one of value) openNames(one, found);
	else if (typeof value === 'object' && value !== null)
		for (const [key, inner] of Object.entries(value)) {
			if ((key === 'figures' || key === 'lost') && typeof inner === 'object' && inner !== null)
				for (const name of Object.keys(inner)) found.add(name);
			openNames(inner, found);
		}
	return found;
}

interface Line {
	tab: string;
	dt_ns: number;
	mono_ns: number;
	rows: Record<string, unknown>[];
	cost: Record<string, number>;
	[field: string]: unknown;
}

async function batch(...args: string[]): Promise<Line[]> {
	const { stdout, stderr } = await run('bin/wattlag', ['--batch', '--json', ...args], { maxBuffer: 1 << 28 });
	expect(stderr).toBe('');
	expect(stdout.endsWith('\n')).toBe(true);
	return stdout
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line) as Line);
}

test.concurrent.for(['overview', 'energy', 'runqlat', 'irq', 'io', 'receive', 'events'])(
	'%s: every line fits the schema and the intervals are measured',
	async (tab) => {
		const lines = await batch('--tab', tab, '--iterations', '3', '--delay', '0.5');
		expect(lines).toHaveLength(3);
		for (const [index, line] of lines.entries()) {
			validate(line);
			expect(validate.errors ?? []).toEqual([]);
			expect([...openNames(line)].filter((name) => !new RegExp(`\\b${name}\\b`).test(pages))).toEqual([]);
			expect(line.tab).toBe(tab);
			const previous = lines[index - 1];
			if (previous) expect(line.mono_ns - previous.mono_ns).toBe(line.dt_ns);
			// the prices are measured in the first interval; programs that did not run in it have none
			if (line.cost['bpf_ns'] === null) expect(line.cost['bpf_why']).toMatch(/./);
			else if ((line.cost['bpf_ns'] as number) > 0) expect(line.cost['bpf_price_age_ns']).not.toBeNull();
		}
		// this test itself schedules, burns and interrupts; only disks and network may rest
		if (['io', 'receive', 'events'].includes(tab)) return;
		// the overview has disks too, whose first requests may come when prices have been measured
		const priced = tab === 'overview' ? lines : lines.slice(-1);
		expect(priced.some(({ cost }) => cost['bpf_ns'] !== null)).toBe(true);
		expect(lines.every((line) => line.rows.length > 0)).toBe(true);
	},
);

test.concurrent('energy adds up in every line', async () => {
	for (const line of await batch('--tab', 'energy', '--iterations', '3', '--delay', '0.3')) {
		const rows = line.rows.reduce((sum, row) => sum + (row['energy_uj'] as number), 0);
		expect(rows + (line['idle_uj'] as number) + (line['irq_uj'] as number) + (line['unattributed_uj'] as number)).toBe(
			line['measured_uj'],
		);
	}
});

test.concurrent.for([
	['energy', 'pidns'],
	['runqlat', 'user'],
	['runqlat', 'command'],
	['runqlat', 'tree'],
	['irq', 'user'],
	['irq', 'command'],
	['irq', 'tree'],
] as const)('%s by %s fits the schema', async ([tab, group]) => {
	for (const line of await batch('--tab', tab, '--group', group, '--iterations', '2', '--delay', '0.3')) {
		validate(line);
		expect(validate.errors ?? []).toEqual([]);
		expect(line['group']).toBe(group);
		expect(line.rows.length).toBeGreaterThan(0);
	}
});

test.concurrent('tree: a child is below its parent, which contains it; the tops of the tree are the whole', async () => {
	// the shell waits, its child burns
	const shell = spawn('sh', ['-c', 'yes > /dev/null & wait'], { detached: true, stdio: 'ignore' });
	try {
		const lines = await batch('--tab', 'energy', '--group', 'tree', '--iterations', '2', '--delay', '0.5');
		for (const line of lines) {
			validate(line);
			expect(validate.errors ?? []).toEqual([]);
			const rows = line.rows as { pid: number; comm: string; depth: number; cpu_ns: number; energy_uj: number }[];
			const at = rows.findIndex(({ pid }) => pid === shell.pid);
			const [parent, child] = rows.slice(at, at + 2);
			expect(child).toMatchObject({ comm: 'yes', depth: (parent?.depth ?? 0) + 1 });
			expect(parent?.cpu_ns).toBeGreaterThanOrEqual(child?.cpu_ns ?? Number.NaN);
			expect(child?.cpu_ns).toBeGreaterThan(0);
			const tops = rows.filter(({ depth }) => depth === 0).reduce((sum, row) => sum + row.energy_uj, 0);
			expect(
				tops + (line['idle_uj'] as number) + (line['irq_uj'] as number) + (line['unattributed_uj'] as number),
			).toBe(line['measured_uj']);
		}
	} finally {
		process.kill(-(shell.pid as number), 'SIGKILL');
	}
});

test.concurrent('--limit keeps the first rows after sorting', async () => {
	const [line] = await batch('--tab', 'energy', '--iterations', '1', '--delay', '0.3', '--limit', '2', '--sort', 'pid');
	expect(line?.rows.length).toBe(2);
	const [first, second] = line?.rows.map((row) => row['pid'] as number) ?? [];
	expect(first).toBeLessThan(second as number);
});

test.concurrent('threads are counted from the first interval on', async () => {
	const [line] = await batch('--tab', 'runqlat', '--group', 'thread', '--iterations', '1', '--delay', '0.5');
	const rows = line?.rows as { key: { kind: string }; count: number }[];
	const threads = rows.filter(({ key }) => key.kind === 'thread').reduce((sum, { count }) => sum + count, 0);
	const all = rows.find(({ key }) => key.kind === 'all')?.count ?? 0;
	expect(threads).toBeGreaterThan(all / 2);
});

test.concurrent('without --json: a table with header and units', async () => {
	const { stdout } = await run('bin/wattlag', ['--batch', '--tab', 'energy', '-n', '1', '-d', '0.3']);
	const [about, header, ...rows] = stdout.split('\n');
	expect(about).toMatch(/^Energy - .* s, source model/);
	expect(header).toMatch(/PID/);
	expect(rows.length).toBeGreaterThan(3);
});

test.concurrent.for<[args: string[], message: string]>([
	[['--bogus'], 'unknown option --bogus'],
	[['--batch', '--tab', 'nope'], "'nope' is not one of"],
	[['--delay', 'x'], 'is not a number'],
])('bad option %j: one line, exit code 2, nothing on standard output', async ([args, message]) => {
	const failed = await run('bin/wattlag', args).then(
		() => undefined,
		(error: { code: number; stdout: string; stderr: string }) => error,
	);
	expect(failed?.code).toBe(2);
	expect(failed?.stdout).toBe('');
	expect(failed?.stderr).toMatch(/^wattlag: [^\n]*\n$/);
	expect(failed?.stderr).toContain(message);
});

test.concurrent('a reader that stops early is no failure', async () => {
	// with pipefail the pipeline fails if wattlag does
	const { stdout, stderr } = await run('bash', [
		'-o',
		'pipefail',
		'-c',
		'bin/wattlag --batch --json --tab irq --delay 0.2 | head -n 1',
	]);
	expect(stdout).toMatch(/^\{"schema":1.*\}\n$/);
	expect(stderr).toBe('');
});

test.each([
	[['--help']],
	[['--batch', '--iterations', '1', '--delay', '0.1']],
	[['compare', '--live', '--duration', '0.1']],
	[['-v', '--duration', '0.1']],
])('a full disk is a failure, reported in one line: %j', (args) => {
	const full = openSync('/dev/full', 'w');
	const { status, stderr } = spawnSync('bin/wattlag', args, { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
	closeSync(full);
	expect(stderr).toMatch(/^wattlag: standard output: .*ENOSPC.*\n$/);
	expect(status).toBe(1);
});

test.concurrent('a broken configuration does not keep help away', async () => {
	const { stdout } = await run('bin/wattlag', ['--config', '/nowhere', '--help']);
	expect(stdout).toContain('exit codes');
});
