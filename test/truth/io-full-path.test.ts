/** The full path, from system call to return, against fio's own clock and against delays put in known places. */
import { afterEach, expect, test } from 'vitest';
import type { IoExtra, IoRow } from '../../src/io/snapshot.ts';
import { io } from '../../src/tracers/io.ts';
import type { Options, Session } from '../../src/tracers/tracer.ts';
import { fio, laidOut } from './fio.ts';
import { realHost } from './host.ts';
import { onDisk } from './load.ts';

let session: Session<IoRow, IoExtra> | undefined;

afterEach(() => {
	session?.close();
	session = undefined;
});

function start(options: Options): Session<IoRow, IoExtra> {
	session = io.start(realHost(), { slow: 1000, 'full-path': true, ...options });
	return session;
}

const WAY = ['fs', 'request', 'plug', 'queue', 'device', 'wake', 'return'];

/** Σ ns since start by stage of the rows with this operation. */
function sums(rows: readonly IoRow[], op: string): Record<string, { count: number; sum_ns: number }> {
	const row = rows.find((one) => one.op === op);
	if (!row) throw new Error(`no ${op}`);
	return row.stages_total;
}

const DIRECT = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=psync', '--number_ios=6000'];

test('direct reads: all stages together are the time that fio saw', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const running = start({ file });
		const { read } = await fio(file, ...DIRECT).done;
		const { rows, extra } = running.read(1e9, 'operation');
		expect(extra.full_path.state).toBe('on');
		const stages = sums(rows, 'read');
		console.log(read.total_ios, read.clat_ns.mean, Object.fromEntries(Object.entries(stages).map(([n, s]) => [n, [s.count, Math.round(s.sum_ns / s.count)]])), running.read(1e9, 'operation').lost);
		// each call was followed from its entry to its return
		expect(stages['fs']?.count).toBe(read.total_ios);
		expect(stages['return']?.count).toBeGreaterThan(read.total_ios * 0.99);
		const ours = WAY.reduce((sum, name) => sum + (stages[name]?.sum_ns ?? 0), 0);
		const theirs = read.clat_ns.mean * read.total_ios;
		expect(ours / theirs).toBeGreaterThan(0.9);
		expect(ours / theirs).toBeLessThan(1.05);
	});
});
