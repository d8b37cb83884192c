/** A delay at a known stage shows in that stage, and is charged to the process that it was put on. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type FioJob, laidOut } from './fio.ts';
import { ioSessions } from './io-session.ts';
import { onDisk } from './load.ts';
import { limited, onSlowDevice } from './slow-device.ts';

const run = promisify(execFile);

const start = ioSessions();

test('more tasks than the device has requests: they wait in `request`', async () => {
	/** Share of the total that reads of so many tasks spend waiting for a request. */
	const waiting = async (tasks: number): Promise<number> => {
		let share = Number.NaN;
		const read = async (loop: string, slowly: (...options: string[]) => FioJob): Promise<void> => {
			const running = start({ device: loop });
			const options = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=psync', '--number_ios=16'];
			await slowly(...options, `--numjobs=${tasks}`).done;
			const row = running.read(1e9, 'operation').rows.find(({ op }) => op === 'read');
			const { request, total } = (row?.stages_total ?? {}) as Record<string, { sum_ns: number }>;
			share = (request?.sum_ns ?? 0) / (total?.sum_ns ?? 0);
			running.close();
		};
		await onSlowDevice(400, read, 4);
		return share;
	};
	expect(await waiting(1)).toBeLessThan(0.2);
	expect(await waiting(32)).toBeGreaterThan(0.5);
});

test('direct IO that a limit holds back still belongs to the process that asked', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 1);
		const group = limited(file, 100);
		try {
			const running = start({ file, 'full-path': true });
			const started = performance.now();
			const read = `echo $$ > ${group.procs}; exec dd if=${file} of=/dev/null bs=4k count=100 iflag=direct status=none`;
			await run('sh', ['-c', read]);
			expect(performance.now() - started, 'the limit works').toBeGreaterThan(500);
			const { rows, extra } = running.read(1e9, 'operation');
			expect(rows.map(({ stages }) => stages['fs']?.count)).toEqual([100]);
			expect(rows[0]?.stages['fs']?.mean_ns, 'held back before the bio is queued').toBeGreaterThan(5e6);
			expect(extra.associated).toMatchObject({ requests: 100, submitter: 100 });
			expect(extra.processes).toMatchObject([{ comm: 'dd', count: 100 }]);
		} finally {
			group.remove();
		}
	});
});

test('the device of a partition table entry is found by name and path', () => {
	const [first] = readFileSync('/proc/diskstats', 'utf8')
		.trim()
		.split('\n')
		.filter((line) => !/loop|ram/.test(line));
	const [, , name] = (first as string).trim().split(/\s+/);
	expect(() => start({ device: name as string })).not.toThrow();
	expect(() => start({ device: `/dev/${name}` })).not.toThrow();
	expect(() => start({ device: 'nosuchdisk' })).toThrow(/no block device 'nosuchdisk'/);
});
