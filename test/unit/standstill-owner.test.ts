/** Who is in front of a process that stands still: made-up tasks, open files and `/proc`. */
import { describe, expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { threadOf } from '../../src/system/blocked-calls.ts';
import type { Channel } from '../../src/tracers/overview/tasks/channels.ts';
import { bootNs } from '../../src/tracers/overview/tasks/reader.ts';
import type { SleepReason } from '../../src/tracers/overview/tasks/reasons.ts';
import { StandstillFinder } from '../../src/tracers/overview/tasks/standstill/finder.ts';
import type { Standstill } from '../../src/tracers/overview/tasks/standstill/standstill.ts';
import type { ProcessNow, StateLetter } from '../../src/tracers/overview/tasks/walk.ts';
import { treePerTest } from '../lib/tree.ts';
import { second } from './overview-fixtures.ts';

const tree = treePerTest();

/** Numbers of calls on this machine. */
const [WAIT4, WAITID, SEMOP, FUTEX, READ] = process.arch === 'x64' ? [61, 247, 65, 202, 0] : [260, 95, 193, 98, 63];

const namespaced = (process: string, ipc = 1) => {
	tree.remove(`${process}/ns`);
	tree.link(`${process}/ns/ipc`, `ipc:[${ipc}]`);
};

interface Made {
	pid: number;
	comm: string;
	parent?: number;
	reason?: SleepReason;
	state?: StateLetter;
	asleep_s?: number;
	/** The system call that its thread is in. */
	call?: readonly number[];
	/** Its pids from the outermost namespace on. */
	pids?: readonly number[];
}

function made({ pid, comm, parent = 1, reason = 'poll', state = 'S', asleep_s = 5, call, pids }: Made): ProcessNow {
	const name = sanitize(comm);
	if (call) {
		const words = [call[0], ...[1, 2, 3, 4, 5, 6].map((at) => `0x${(call[at] ?? 0).toString(16)}`), '0x7ff0', '0x7f00'];
		tree.set(`${pid}/task/${pid}/syscall`, `${words.join(' ')}\n`);
	}
	tree.set(`${pid}/status`, `Name:\t${comm}\nNSpid:\t${(pids ?? [pid]).join('\t')}\n`);
	namespaced(String(pid));
	return {
		...{ pid, start: pid * 1e9, comm: name, parent, threads: 1, nice: 0, deadline: false },
		...{ rss_bytes: 1 << 20, swap_bytes: 0, minor_faults: 0, major_faults: 0 },
		tasks: [
			{
				...{ tid: pid, comm: name, state, asleep_ns: asleep_s * second, switches: 900, sleeps: 900 },
				...{ cpu_ns: second, delay_ns: 0, reason: state === 'T' ? null : reason, wchan: sanitize('') },
			},
		],
	};
}

const channel = (pid: number, inode: number, more: Partial<Channel> = {}): Channel => ({
	...{ pid, fd: inode, kind: 'unix', mode: 3, inode, peer: 0, local: '', remote: '', established: true, port: 0 },
	...{
		remotePort: 0,
		listens: false,
		pending: 0,
		named: false,
		name: 0,
		awaits: 0,
		bytes: 0,
		packets: 0,
		drops: 0,
		...more,
	},
});

/** A server (pid 10) within a request of a client (pid 11), over a Unix socket. */
const served = [channel(10, 100, { peer: 101, named: true, name: 7 }), channel(11, 101, { peer: 100 })];

function find(
	processes: readonly ProcessNow[],
	channels: readonly Channel[],
	semaphorePid?: (id: number, number: number) => number,
): Standstill[] {
	namespaced('self');
	const finder = new StandstillFinder({
		procRoot: tree.root,
		channels: () => [...channels],
		...(semaphorePid && { semaphorePid }),
	});
	return finder.find(new Map(processes.map((one) => [one.pid, one])), bootNs(), 1);
}

/** Who is in front of the server, and how that is known. */
function behind(standstills: readonly Standstill[], pid = 10): string {
	const still = standstills.flatMap(({ still }) => still).find((one) => one.pid === pid);
	if (!still) return 'none';
	const { behind: party, note, forEvent } = still;
	if (party) return `${party.comm}[${party.pid}]: ${party.by.join(', ')}`;
	return note !== '' ? note : forEvent ? 'an event' : 'not known';
}

describe('a child', () => {
	const server = (...call: number[]) => made({ pid: 10, comm: 'server', reason: 'child', call });
	const child = (pid: number, more: Partial<Made> = {}) => made({ pid, comm: `job${pid}`, parent: 10, ...more });

	test('the only one that lives', () => {
		const all = [server(WAIT4, 0xffffffff), child(20), child(21, { state: 'Z' }), made({ pid: 22, comm: 'other' })];
		expect(behind(find(all, served))).toBe('job20[20]: it is its only child');
	});

	test('of several the one that the call names, also by its pid in a container', () => {
		expect(behind(find([server(WAIT4, 21), child(20), child(21)], served))).toBe(
			'job21[21]: it is the child that it waits for',
		);
		expect(behind(find([server(WAITID, 1, 21), child(20), child(21)], served))).toBe(
			'job21[21]: it is the child that it waits for',
		);
		const inside = [
			made({ pid: 10, comm: 'server', reason: 'child', call: [WAIT4, 3], pids: [10, 1] }),
			child(20, { pids: [20, 2] }),
			// the machine's pid 3 is somebody else
			child(21, { pids: [21, 3] }),
			made({ pid: 3, comm: 'other', parent: 10, pids: [3, 9] }),
		];
		expect(behind(find(inside, served))).toBe('job21[21]: it is the child that it waits for');
	});

	test('any of several: their number, and no owner', () => {
		expect(behind(find([server(WAIT4, 0xffffffff), child(20), child(21)], served))).toBe('for one of its 2 children');
		expect(behind(find([server(WAIT4, 0xffffffff)], served))).toBe('not known');
	});
});

describe('a semaphore', () => {
	/** struct sembuf: number, operation, flags. */
	const operation = (number: number) => {
		const bytes = Buffer.alloc(4096 + 6);
		bytes.writeUInt16LE(number, 4096);
		bytes.writeInt16LE(-1, 4098);
		return bytes;
	};
	const server = () => {
		tree.set('10/mem', operation(2));
		return made({ pid: 10, comm: 'server', reason: 'semaphore', call: [SEMOP, 33, 4096, 1] });
	};

	test('the process that changed it last', () => {
		const asked: number[][] = [];
		const changer = (id: number, number: number) => {
			asked.push([id, number]);
			return 30;
		};
		expect(behind(find([server(), made({ pid: 30, comm: 'holder' })], served, changer))).toBe(
			'holder[30]: it changed the semaphore last',
		);
		expect(asked).toEqual([[33, 2]]);
	});

	test('one that has ended is said; itself, or of another IPC namespace: none', () => {
		expect(behind(find([server()], served, () => 30))).toBe(
			'for a semaphore that process 30 changed last, which has ended',
		);
		expect(behind(find([server()], served, () => 10))).toBe('an event');
		const other = server();
		namespaced('10', 2);
		expect(behind(find([other, made({ pid: 30, comm: 'holder' })], served, () => 30))).toBe('an event');
		const refused = () => {
			throw new Error('EIDRM');
		};
		expect(behind(find([server()], served, refused))).toBe('an event');
	});
});

describe('a mutex', () => {
	test('in shared memory: another process has it', () => {
		const word = Buffer.alloc(4096 + 12);
		word.writeUInt32LE(2, 4096);
		word.writeUInt32LE(30, 4104);
		tree.set('10/mem', word);
		const holder = made({ pid: 30, comm: 'holder' });
		const wait = (operation: number) =>
			made({ pid: 10, comm: 'server', reason: 'futex', call: [FUTEX, 4096, operation, 2] });
		expect(behind(find([wait(0), holder], served))).toBe('holder[30]: it has the mutex');
		// FUTEX_PRIVATE_FLAG: no other process can have it
		expect(behind(find([wait(128), holder], served))).toBe('an event');
	});
});

describe('a Unix socket', () => {
	test('whose server is stopped: those that it accepted, and those that it never will', () => {
		const paused = made({ pid: 30, comm: 'store', state: 'T' });
		const listener = channel(30, 300, { listens: true, named: true, name: 9, established: false, pending: 1 });
		const asking = made({ pid: 10, comm: 'server', reason: 'socket', call: [READ, 110] });
		const client = made({ pid: 11, comm: 'client' });
		const accepted = [channel(30, 301, { peer: 110, named: true, name: 9 }), channel(10, 110, { peer: 301 })];
		const first = find([asking, client, paused], [...served, listener, ...accepted]);
		expect(behind(first)).toBe('store[30]: it is at the other end of a Unix socket');
		const waiting = find([asking, client, paused], [...served, listener, channel(10, 110, { awaits: 9 })]);
		expect(behind(waiting)).toBe('store[30]: it is at the other end of a Unix socket');
		const store = waiting.flatMap(({ still }) => still).find(({ pid }) => pid === 30);
		expect(store).toMatchObject({ reason: 'stopped', clients: [{ pid: 10, comm: 'server' }] });
	});

	test('TCP likewise: clients of this machine by their process, others by number', () => {
		const paused = made({ pid: 30, comm: 'store', state: 'T' });
		const tcp = { kind: 'tcp' as const };
		const listener = channel(30, 300, {
			...{ ...tcp, listens: true, established: false, pending: 3, port: 80, local: '0.0.0.0:80', remote: '0.0.0.0:0' },
		});
		const client = channel(11, 111, {
			...tcp,
			local: '127.0.0.1:5000',
			remote: '127.0.0.1:80',
			port: 5000,
			remotePort: 80,
		});
		const [found] = find([paused, made({ pid: 11, comm: 'client' })], [listener, client]);
		expect(found?.still[0].clients).toEqual([{ pid: 11, comm: 'client' }]);
		expect(found?.still[0].remote).toHaveLength(2);
	});

	test('a server that is stopped and that nobody waits for is none', () => {
		const paused = made({ pid: 30, comm: 'store', state: 'T' });
		expect(find([paused], [channel(30, 300, { listens: true, named: true, name: 9 })])).toEqual([]);
	});

	test('a server that waits for its own connections is none, whatever waits there', () => {
		const idle = made({ pid: 30, comm: 'store', reason: 'socket', call: [READ, 300] });
		expect(find([idle], [channel(30, 300, { listens: true, named: true, name: 9, pending: 1 })])).toEqual([]);
	});
});

test('open files of all processes are gone through only for one that has a socket', () => {
	let walks = 0;
	const channels = () => {
		walks++;
		return [...served];
	};
	const finder = new StandstillFinder({ procRoot: tree.root, channels });
	const processes = [made({ pid: 10, comm: 'server' }), made({ pid: 12, comm: 'job' })];
	for (const { pid } of processes) tree.link(`${pid}/fd/1`, 'pipe:[5]');
	const all = new Map(processes.map((one) => [one.pid, one]));
	expect(finder.find(all, bootNs(), 1)).toEqual([]);
	expect(walks).toBe(0);
	const other = new StandstillFinder({ procRoot: tree.root, channels });
	tree.link('10/fd/3', 'socket:[100]');
	other.find(all, bootNs(), 1);
	expect(walks).toBe(1);
});

describe('threads of a container', () => {
	test('by the id that their process knows', () => {
		for (const [tid, inside] of [
			[700, 1],
			[701, 12],
		])
			tree.set(`700/task/${tid}/status`, `Name:\tx\nNSpid:\t${tid}\t${inside}\n`);
		expect([12, 1, 13, 701, 0].map((inside) => threadOf(tree.root, 700, inside))).toEqual([701, 700, 0, 701, 0]);
	});

	test('of a process that is in none, and of one that has ended', () => {
		tree.set('700/task/700/status', 'Name:\tx\nNSpid:\t700\n');
		expect(threadOf(tree.root, 700, 12)).toBe(0);
		expect(threadOf(tree.root, 800, 12)).toBe(0);
	});
});
