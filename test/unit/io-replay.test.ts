/**
 * bpf/io/io.bpf.c itself, compiled for this machine (test/unit/fixtures/bpf-native), on invented events: what it must make of
 * them is known to the nanosecond. Among them what cannot be had from a real disk at will.
 */
import { expect, test } from 'vitest';
import { replayOf } from './replay.ts';

type Latency = [count: number, sum_ns: number];

interface State {
	taken: number;
	negative: number;
	unseen_start: number;
	missed_completion: number;
	requests_full: number;
	bios_full: number;
	partial: number;
	bypassed: number;
	slow: number;
	submitter: number;
	processes_full: number;
	rows: {
		stacked: boolean;
		count: number;
		bytes: number;
		errors: number;
		total: Latency;
		stages: Record<'request' | 'plug' | 'queue' | 'device', Latency>;
	}[];
	processes: {
		pid: number;
		count: number;
		ns: number;
		read: number;
		written: number;
		discarded: number;
		zeroed: number;
		errors: number;
	}[];
}

/** A process without errors that only read. */
const reader = (pid: number, count: number, ns: number, read: number) => ({
	...{ pid, count, ns, read },
	...{ written: 0, discarded: 0, zeroed: 0, errors: 0 },
});

const output = replayOf('io');

/** Lines of `NS CPU TASK EVENT ARGUMENT…`. */
function replay(...events: string[]): State {
	return JSON.parse(output(events)) as State;
}

test('the stages of a request are what lies between its hooks, and their sum is the total', () => {
	const state = replay(
		'1000 0 5 queue 1 4096',
		'1700 0 5 insert 1 1 1300',
		'2600 0 6 issue 1 1 1300',
		'9600 0 0 done 1 4096 4096',
	);
	expect(state.rows).toEqual([
		{
			stacked: false,
			count: 1,
			bytes: 4096,
			errors: 0,
			total: [1, 8600],
			stages: { request: [1, 300], plug: [1, 400], queue: [1, 900], device: [1, 7000] },
		},
	]);
	// the task that queued it, whichever runs when it is issued and completed
	expect(state.processes).toEqual([reader(5, 1, 8600, 4096)]);
	expect(state).toMatchObject({ taken: 0, submitter: 1, unseen_start: 0, bypassed: 0 });
});

test('stamps out of order: the stage lasts 0 ns and is counted, and the stages still add up to the total', () => {
	// as when two CPUs take the same free entry at once, and one is given the stamp of the other
	const state = replay(
		'1000 0 5 queue 1 4096',
		'2600 0 5 insert 1 1 1300',
		'1700 0 6 issue 1 1 1300',
		'9600 0 0 done 1 4096 4096',
	);
	expect(state.rows[0]).toMatchObject({
		count: 1,
		total: [1, 8600],
		stages: { request: [1, 300], plug: [1, 400], queue: [1, 0], device: [1, 7900] },
	});
	expect(state.negative).toBe(1);
	const late = replay('5000 0 5 queue 1 4096', '5100 0 5 issue 1 1 5050', '4000 0 0 done 1 4096 4096');
	expect(late.rows[0]).toMatchObject({ count: 1, total: [1, 0] });
	expect(late.negative).toBe(3);
});

test('without a scheduler the plug lasts until the issue', () => {
	const state = replay('1000 0 5 queue 1 512', '1900 0 5 issue 1 1 1300', '2900 0 5 done 1 512 512');
	expect(state.rows[0]?.stages).toEqual({ request: [1, 300], plug: [1, 600], queue: [0, 0], device: [1, 1000] });
	expect(state.bypassed).toBe(1);
});

test('a request that got its stamp before the bio came, or has none', () => {
	const of = (got: number) =>
		replay('1000 0 5 queue 1 512', `1900 0 5 issue 1 1 ${got}`, '2900 0 5 done 1 512 512').rows[0]?.stages;
	expect(of(900)).toEqual({ request: [1, 0], plug: [1, 900], queue: [0, 0], device: [1, 1000] });
	expect(of(1950)).toEqual({ request: [1, 900], plug: [1, 0], queue: [0, 0], device: [1, 1000] });
	expect(of(0)).toEqual({ request: [1, 900], plug: [0, 0], queue: [0, 0], device: [1, 1000] });
});

test('a bare flush is over when it ends, with a filter too', () => {
	const flush = ['1000 0 5 queue 1 0', '5000 0 0 done 1 0 0'];
	expect(replay(...flush)).toMatchObject({ taken: 0, submitter: 1, processes: [{ pid: 5, count: 1, ns: 4000 }] });
	expect(replay('1 0 0 only 5', ...flush)).toMatchObject({ taken: 0, processes: [{ pid: 5, count: 1, ns: 4000 }] });
});

test('a write in a flush sequence counts once, at the end of the sequence, with a filter too', () => {
	const write = [
		'900 0 5 op 1 1',
		'1000 0 5 queue 1 4096',
		'1200 0 5 issue 1 1 1100',
		'3000 0 0 data 1 4096',
		'9000 0 0 done 1 0 0',
	];
	const row = { count: 1, bytes: 4096, total: [1, 2000] };
	const all = replay(...write);
	expect(all).toMatchObject({ taken: 0, missed_completion: 0, rows: [row], processes: [{ pid: 5, count: 1 }] });
	const filtered = replay('1 0 0 only 5', ...write);
	expect(filtered).toMatchObject({ taken: 0, missed_completion: 0, rows: [row], processes: [{ pid: 5, count: 1 }] });
	// still in its sequence, and that of another process
	expect(replay('1 0 0 only 5', ...write.slice(0, -1))).toMatchObject({ taken: 1, rows: [{ ...row, count: 0 }] });
	expect(replay('1 0 0 only 6', ...write)).toMatchObject({ taken: 0, rows: [], processes: [] });
});

test('a bare flush is a write of no bytes, also with a filter that lets it pass', () => {
	const flush = ['900 0 5 op 1 1', '1000 0 5 queue 1 0', '5000 0 0 done 1 0 0'];
	const row = { count: 1, bytes: 0, total: [0, 0] };
	expect(replay(...flush).rows).toMatchObject([row]);
	expect(replay('1 0 0 only 5', ...flush).rows).toMatchObject([row]);
	expect(replay('1 0 0 only 6', ...flush).rows).toEqual([]);
});

test('a request whose completion was lost does not lend its age to the next at its address', () => {
	const state = replay(
		'1000 0 5 queue 1 512',
		'1200 0 5 issue 1 1 1100',
		// never completed; the device went away, or the hook was not run
		'900000 0 6 queue 2 512',
		'900300 0 6 issue 1 2 900100',
		'901300 0 6 done 1 512 512',
	);
	expect(state.rows[0]).toMatchObject({ count: 1, total: [1, 1300] });
	expect(state.processes).toEqual([reader(6, 1, 1300, 512)]);
	expect(state).toMatchObject({ missed_completion: 1, taken: 0 });
});

test('a bio that never came to a request does not lend its age or its task to the next at its address', () => {
	const state = replay(
		'1000 0 5 queue 1 512',
		'800000 0 6 queue 1 512',
		'800200 0 6 issue 3 1 800100',
		'800700 0 6 done 3 512 512',
	);
	expect(state.processes).toEqual([reader(6, 1, 700, 512)]);
	expect(state.taken).toBe(0);
});

test('nor to one whose queueing was not seen: it begins elsewhere on the disk', () => {
	const state = replay(
		'1000 0 5 queue 1 512',
		'700000 0 6 at 1 800',
		'800200 0 6 issue 3 1 800100',
		'800700 0 6 done 3 512 512',
	);
	expect(state.rows[0]).toMatchObject({ count: 1, total: [1, 500] });
	expect(state).toMatchObject({ processes: [], taken: 0, submitter: 0 });
});

test('completed in parts: one request, when the last part is done', () => {
	const state = replay(
		'1000 0 5 queue 1 8192',
		'1200 0 5 issue 1 1 1100',
		'2000 0 5 done 1 4096 8192',
		'3000 0 5 done 1 4096 4096',
	);
	expect(state.rows[0]).toMatchObject({ count: 1, bytes: 8192, total: [1, 2000] });
	expect(state).toMatchObject({ partial: 1, taken: 0 });
});

test('sent back by the driver: the wait for it is queueing, the last issue begins the device', () => {
	const state = replay(
		'1000 0 5 queue 1 512',
		'1200 0 5 issue 1 1 1100',
		'1300 0 5 requeue 1',
		'1400 0 7 insert 1 1 1100',
		'5000 0 7 issue 1 1 1100',
		'6000 0 7 done 1 512 512',
	);
	expect(state.rows[0]?.stages).toEqual({ request: [1, 100], plug: [1, 100], queue: [1, 3800], device: [1, 1000] });
	expect(state.processes).toEqual([reader(5, 1, 5000, 512)]);
});

test('merged bios and requests leave nothing behind', () => {
	const state = replay(
		'1000 0 5 queue 1 4096',
		'1200 0 5 queue 2 4096',
		'1250 0 5 merge 2',
		'1300 0 5 insert 1 1 1100',
		'1400 0 5 queue 3 4096',
		'1600 0 5 insert 2 3 1500',
		'1700 0 5 gone 2',
		'1800 0 5 issue 1 1 1100',
		'2800 0 5 done 1 4096 4096',
	);
	expect(state.rows).toHaveLength(1);
	expect(state.rows[0]).toMatchObject({ count: 1, total: [1, 1800] });
	expect(state.taken).toBe(0);
});

test('a bio cut in two: both parts have its beginning and its owner', () => {
	const state = replay(
		'1000 0 5 queue 1 8192',
		'1200 0 5 split 2 1 4096',
		'1400 0 5 issue 1 2 1300',
		'1600 0 6 issue 2 1 1500',
		'2400 0 0 done 1 4096 4096',
		'2600 0 0 done 2 4096 4096',
	);
	expect(state.rows[0]).toMatchObject({ count: 2, total: [2, 1400 + 1600] });
	expect(state.processes).toEqual([reader(5, 2, 3000, 8192)]);
});

test('a request in flight at the start is counted without a latency', () => {
	const state = replay('5000 0 5 done 1 4096 4096');
	expect(state.rows[0]).toMatchObject({ count: 1, bytes: 4096, total: [0, 0] });
	expect(state).toMatchObject({ unseen_start: 1, submitter: 0 });
});

test('a device that takes bios has a row of its own, and its requests none', () => {
	const state = replay('1000 0 5 queue 1 4096', '4000 0 5 end 1');
	expect(state.rows).toMatchObject([{ stacked: true, count: 1, bytes: 4096, total: [1, 3000] }]);
	expect(state.processes).toEqual([reader(5, 1, 3000, 4096)]);
	expect(state.submitter).toBe(1);
	expect(state.taken).toBe(0);
});

test('what a stacked device makes of a bio is not charged again, unless only the device below is measured', () => {
	const events = [
		'900 0 5 queue 1 4096',
		// dm makes two bios of it, in the task that submitted it
		...['950 0 5 nested 1', '1000 0 5 queue 2 4096', '1000 0 5 queue 3 4096', '1000 0 5 nested 0'],
		...['1100 0 5 issue 2 2 1050', '1100 0 5 issue 3 3 1050'],
		...['3000 0 0 done 2 4096 4096', '3100 0 0 done 3 4096 4096', '3900 0 0 end 1'],
	];
	const state = replay(...events);
	expect(state.rows.map(({ stacked, count }) => [stacked, count])).toEqual(
		expect.arrayContaining([
			[false, 2],
			[true, 1],
		]),
	);
	expect(state).toMatchObject({ taken: 0, submitter: 1, processes: [reader(5, 1, 3000, 4096)] });
	const below = replay(`1 0 0 only-device ${254 << 20}`, ...events.slice(1, -1));
	expect(below.processes).toEqual([reader(5, 2, 4100, 8192)]);
});

test('the verdict of a filter is that of the task which queued, not of the one at the completion', () => {
	const of = (task: number, id: number) => [
		`${1000 * id} 0 ${task} queue ${id} 512`,
		`${1000 * id + 200} 0 7 issue ${id} ${id} ${1000 * id}`,
		`${1000 * id + 700} 0 ${task === 5 ? 6 : 5} done ${id} 512 512`,
	];
	const state = replay('1 0 0 only 5', ...of(5, 1), ...of(6, 2), ...of(5, 3));
	expect(state.rows).toMatchObject([{ count: 2, total: [2, 1400] }]);
	expect(state.processes).toEqual([reader(5, 2, 1400, 1024)]);
	expect(state.taken).toBe(0);
});

test('slow is decided by the total', () => {
	const one = (at: number, lasts: number) => [
		`${at} 0 5 queue 1 512`,
		`${at + 20} 0 5 issue 1 1 ${at}`,
		`${at + lasts} 0 5 done 1 512 512`,
	];
	expect(replay('1 0 0 slow 500', ...one(1000, 499), ...one(3000, 500), ...one(5000, 501)).slow).toBe(2);
});

test('a process finds room or is counted; one that has room keeps it', () => {
	const tasks = [5, 5 + 256, 6, 7];
	const request = (task: number): string[] => [
		`1000 0 ${task} queue 1 512`,
		`1100 0 ${task} issue 1 1 1000`,
		'2000 0 0 done 1 512 512',
	];
	const crowded = replay('1 0 0 room 3', ...tasks.flatMap(request), '2 0 0 interval 9', ...tasks.flatMap(request));
	expect(crowded.processes_full).toBe(2);
	expect(crowded.processes.toSorted((a, b) => a.pid - b.pid)).toEqual(
		[5, 6, 5 + 256].map((pid) => reader(pid, 2, 2000, 1024)),
	);
	expect(crowded.rows).toMatchObject([{ count: 8 }]);
});

test('the end of a bio that the end of a request interrupts adds to another value: nothing is lost between them', () => {
	const state = replay(
		...['1000 0 5 queue 1 512', '1500 0 5 end 1', '2000 0 5 queue 2 512', '2100 0 5 issue 2 2 2000'],
		'3000 0 0 done 2 512 512',
	);
	expect(state.processes).toEqual([reader(5, 1, 1000, 512), reader(5, 1, 500, 512)]);
});

test.each([
	[0, 'read'],
	[1, 'written'],
	[7, 'written'],
	[3, 'discarded'],
	[5, 'discarded'],
	[9, 'zeroed'],
	[13, 'none'],
	[34, 'none'],
	[35, 'none'],
])('operation %i of the kernel: its bytes are %s', (op, field) => {
	const [process] = replay(
		`900 0 5 op 1 ${op}`,
		'1000 0 5 queue 1 4096',
		'1100 0 5 issue 1 1 1000',
		'2000 0 0 done 1 4096 4096',
	).processes;
	const bytes = { read: 0, written: 0, discarded: 0, zeroed: 0, ...(field === 'none' ? {} : { [field]: 4096 }) };
	expect(process).toEqual({ pid: 5, count: 1, ns: 1000, errors: 0, ...bytes });
});

test('a failed request is one error of its kind and process, and counts as /proc/diskstats does', () => {
	const one = (event: string, at: number): string[] => [
		`${at} 0 5 queue 1 512`,
		`${at + 100} 0 5 issue 1 1 ${at}`,
		`${at + 500} 0 0 ${event} 1 512 512`,
	];
	const state = replay(...one('done', 1000), ...one('fail', 3000), ...one('done', 5000));
	expect(state.rows).toMatchObject([{ count: 3, bytes: 1536, errors: 1, total: [3, 1500] }]);
	expect(state.processes).toEqual([{ ...reader(5, 3, 1500, 1536), errors: 1 }]);
});

test('a failed write with a flush after it is one error', () => {
	const state = replay(
		...['900 0 5 op 1 1', '1000 0 5 queue 1 512', '1100 0 5 issue 1 1 1000', '2000 0 0 data 1 512'],
		'3000 0 0 fail 1 0 0',
	);
	expect(state.rows).toMatchObject([{ count: 1, errors: 1 }]);
	expect(state.processes).toMatchObject([{ count: 1, errors: 1, written: 512 }]);
});
