import { describe, expect, test } from 'vitest';
import { CpuLedger } from '../../src/tracers/energy/cpu/cpu-ledger.ts';
import type { LedgerInterval, Placement, ThreadSample } from '../../src/tracers/energy/cpu/thread-use.ts';
import { generator } from '../lib/random.ts';

const SECOND = 1e9;

const uncounted = { irq_ns: 0, cycles: 0, cycles_ns: 0 };

interface Thread {
	task: number;
	tid: number;
	start: number;
	cpu_ns: number;
	process: { pid: number; start: number };
}

function sampleOf({ task, tid, start, cpu_ns, process }: Thread, name = 'x'): ThreadSample {
	const comm = new Uint8Array(16);
	new TextEncoder().encodeInto(name, comm);
	return {
		task,
		tid,
		tgid: process.pid,
		start,
		process_start: process.start,
		cpu_ns,
		cgroup: 1,
		uid: 0,
		cpu: 0,
		comm,
		...uncounted,
	};
}

/** One thread, the leader of its process. */
function single(task: number, pid: number, start: number, cpu_ns: number): Thread {
	return { task, tid: pid, start, cpu_ns, process: { pid, start } };
}

class Machine {
	now = 100 * SECOND;
	readonly ledger = new CpuLedger(this.now);

	constructor(baseline: Thread[] = []) {
		this.scan(baseline, 0);
	}

	scan(threads: Thread[], after = SECOND): void {
		this.now += after;
		this.ledger.beginScan();
		for (const thread of threads) this.ledger.observe(sampleOf(thread));
		this.ledger.endScan(this.now);
	}

	/** pid → CPU time of the interval */
	charged(interval: LedgerInterval = this.ledger.interval()): Record<number, number> {
		return Object.fromEntries(interval.processes.map(({ pid, cpu_ns }) => [pid, cpu_ns]));
	}
}

describe('the living', () => {
	test('CPU time from before the start is not charged, that of later threads in full', () => {
		const old = single(1, 10, 5 * SECOND, 1000);
		const machine = new Machine([old]);
		machine.scan([{ ...old, cpu_ns: 1300 }, single(2, 11, 100.5 * SECOND, 70)]);
		expect(machine.charged()).toEqual({ 10: 300, 11: 70 });
	});

	test('threads are folded into their process', () => {
		const process = { pid: 10, start: 101 * SECOND };
		const threads = [1, 2, 3].map(
			(task): Thread => ({ task, tid: 9 + task, start: process.start + task - 1, cpu_ns: 100, process }),
		);
		const machine = new Machine();
		machine.scan(threads);
		const interval = machine.ledger.interval();
		expect(machine.charged(interval)).toEqual({ 10: 300 });
		expect(interval).toMatchObject({ alive: 1, ended: 0, processes: [{ threads: 3 }] });
	});

	test('a counter that goes back charges nothing, and nothing twice', () => {
		const thread = single(1, 10, 5 * SECOND, 1000);
		const machine = new Machine([thread]);
		machine.scan([{ ...thread, cpu_ns: 900 }]);
		expect(machine.charged()).toEqual({ 10: 0 });
		machine.scan([{ ...thread, cpu_ns: 1100 }]);
		expect(machine.charged()).toEqual({ 10: 100 });
	});
});

describe('the dead', () => {
	test('born and dead between two looks', () => {
		const machine = new Machine();
		machine.scan([]);
		machine.ledger.exit(sampleOf(single(1, 10, 100.1 * SECOND, 40), 'sh'));
		machine.ledger.recordExit(sampleOf(single(1, 10, 100.1 * SECOND, 55), 'true'));
		const interval = machine.ledger.interval();
		expect(interval).toMatchObject({
			alive: 0,
			ended: 1,
			processes: [{ pid: 10, comm: 'true', cpu_ns: 55, threads: 0 }],
		});
		machine.scan([]);
		expect(machine.ledger.interval()).toMatchObject({ ended: 0, processes: [] });
	});

	test('taken before the scan: charged once, be it gone or still to be seen', () => {
		const machine = new Machine();
		machine.scan([]);
		machine.ledger.interval();
		const zombie = single(1, 10, 101.1 * SECOND, 40);
		const gone = single(2, 11, 101.2 * SECOND, 70);
		machine.ledger.begin(machine.now + 0.3 * SECOND);
		for (const thread of [zombie, gone]) machine.ledger.exit(sampleOf(thread));
		machine.ledger.begin(machine.now + 0.6 * SECOND);
		machine.ledger.recordExit(sampleOf({ ...gone, cpu_ns: 75 }));
		machine.scan([{ ...zombie, cpu_ns: 44 }]);
		expect(machine.charged()).toEqual({ 10: 44, 11: 75 });
		// the parent has reaped it, before the next scan
		machine.ledger.begin(machine.now + 0.3 * SECOND);
		machine.ledger.recordExit(sampleOf({ ...zombie, cpu_ns: 45 }));
		machine.scan([]);
		expect(machine.charged()).toEqual({ 10: 1 });
		machine.scan([]);
		expect(machine.ledger.interval()).toMatchObject({ alive: 0, ended: 0, processes: [] });
	});

	test('one that ended long ago in a long interval is shown as ended all the same', () => {
		const machine = new Machine();
		machine.scan([]);
		machine.ledger.interval();
		machine.ledger.begin(machine.now + SECOND);
		machine.ledger.recordExit(sampleOf(single(1, 10, 101.1 * SECOND, 0)));
		machine.scan([], 30 * SECOND);
		expect(machine.ledger.interval()).toMatchObject({ ended: 1, processes: [{ pid: 10, threads: 0 }] });
	});

	test('in the grace period it is shown as ended once, and its last time is charged when it comes', () => {
		const thread = single(1, 10, 5 * SECOND, 1000);
		const machine = new Machine([thread]);
		machine.scan([]);
		expect(machine.ledger.interval()).toMatchObject({ alive: 0, ended: 1, processes: [{ cpu_ns: 0, threads: 0 }] });
		machine.scan([]);
		machine.ledger.recordExit(sampleOf({ ...thread, cpu_ns: 1200 }));
		expect(machine.ledger.interval()).toMatchObject({ ended: 0, processes: [{ cpu_ns: 200, cpu_ns_total: 200 }] });
	});

	test('a thread that dies takes nothing from its process', () => {
		const process = { pid: 10, start: 5 * SECOND };
		const leader: Thread = { task: 1, tid: 10, start: process.start, cpu_ns: 100, process };
		const worker: Thread = { task: 2, tid: 11, start: 6 * SECOND, cpu_ns: 5000, process };
		const machine = new Machine([leader, worker]);
		machine.scan([{ ...leader, cpu_ns: 150 }]);
		machine.ledger.recordExit(sampleOf({ ...worker, cpu_ns: 5030 }));
		expect(machine.ledger.interval()).toMatchObject({ ended: 0, processes: [{ cpu_ns: 80, threads: 1 }] });
	});

	test('of those from before the start nothing is charged', () => {
		const machine = new Machine();
		machine.scan([]);
		machine.ledger.recordExit(sampleOf(single(1, 10, 5 * SECOND, 1e6)));
		expect(machine.charged()).toEqual({ 10: 0 });
	});

	test('the same pid, and the same memory, used again', () => {
		const first = single(1, 10, 101 * SECOND, 100);
		const second = single(1, 10, 102 * SECOND, 30);
		const machine = new Machine();
		machine.scan([first]);
		machine.ledger.interval();
		machine.scan([second]);
		machine.ledger.recordExit(sampleOf({ ...first, cpu_ns: 120 }));
		const { processes } = machine.ledger.interval();
		expect(processes.map(({ start, cpu_ns, threads }) => [start, cpu_ns, threads])).toEqual([
			[first.start, 20, 0],
			[second.start, 30, 1],
		]);
	});

	test('a last record that never comes leaves nothing behind', () => {
		const machine = new Machine();
		machine.scan([]);
		machine.ledger.exit(sampleOf(single(1, 10, 100.1 * SECOND, 40)));
		expect(machine.charged()).toEqual({ 10: 40 });
		machine.scan([], 61 * SECOND);
		expect(machine.ledger.interval().unfinished).toBe(1);
		machine.scan([], 3 * SECOND);
		expect(machine.ledger.interval().processes).toEqual([]);
	});

	test('what lost records held is unattributed, but for what had been charged', () => {
		const known = single(1, 10, 101 * SECOND, 1000);
		const machine = new Machine();
		machine.scan([known]);
		machine.ledger.interval();
		machine.scan([]);
		// the known one, and one never seen
		machine.ledger.lose(2, 1100 + 70);
		expect(machine.ledger.interval().unattributed_ns).toBe(0);
		machine.scan([], 3 * SECOND);
		expect(machine.ledger.interval().unattributed_ns).toBe(170);
		machine.scan([], 3 * SECOND);
		expect(machine.ledger.interval().unattributed_ns).toBe(0);
	});
});

describe('samples only threads with news', () => {
	/** A machine with two processes at rest, which its first look has seen. */
	function idle(): { machine: Machine; one: Thread; two: Thread } {
		const [one, two] = [single(1, 10, 5 * SECOND, 1000), single(2, 11, 6 * SECOND, 500)];
		const machine = new Machine([one, two]);
		machine.ledger.interval();
		return { machine, one, two };
	}

	function news(machine: Machine, threads: Thread[], dead: () => void = () => {}): LedgerInterval {
		machine.now += SECOND;
		machine.ledger.beginScan(machine.now);
		for (const thread of threads) machine.ledger.observe(sampleOf(thread));
		dead();
		machine.ledger.endScan(machine.now, 'news');
		return machine.ledger.interval();
	}

	test('threads that are not reported are idle, and no news', () => {
		const { machine, one } = idle();
		const interval = news(machine, [{ ...one, cpu_ns: 1070 }]);
		expect(machine.charged(interval)).toEqual({ 10: 70, 11: 0 });
		expect(interval).toMatchObject({ alive: 2, ended: 0, changed: [] });
		expect(machine.ledger.size).toBe(2);
		expect(machine.charged(news(machine, []))).toEqual({ 10: 0, 11: 0 });
	});

	test('a name that another gave is news', () => {
		const { machine, one } = idle();
		machine.now += SECOND;
		machine.ledger.beginScan();
		machine.ledger.observe(sampleOf(one, 'y'));
		machine.ledger.endScan(machine.now, 'news');
		expect(machine.ledger.interval().changed).toMatchObject([{ pid: 10, comm: 'y' }]);
	});

	test('a thread that is exiting is alive as long as it is reported, and has ended when it is not', () => {
		const { machine, one } = idle();
		const exits = { ...one, cpu_ns: 1010 };
		// the record of its exit came after it was met
		expect(news(machine, [exits], () => machine.ledger.exit(sampleOf(exits)))).toMatchObject({ alive: 2, ended: 0 });
		expect(news(machine, [exits])).toMatchObject({ alive: 2, ended: 0, changed: [] });
		expect(news(machine, [])).toMatchObject({ alive: 1, ended: 1, changed: [{ pid: 10, threads: 0 }] });
		machine.ledger.recordExit(sampleOf({ ...one, cpu_ns: 1030 }));
		expect(machine.charged()).toMatchObject({ 10: 20 });
	});

	test('a thread that left without a record is found when all threads are reported', () => {
		const { machine, two } = idle();
		expect(news(machine, [])).toMatchObject({ alive: 2 });
		machine.scan([two]);
		expect(machine.ledger.interval()).toMatchObject({ alive: 1, ended: 1, changed: [{ pid: 10 }] });
	});
});

describe('exec by another thread than the leader', () => {
	const process = { pid: 10, start: 101 * SECOND };
	const leader: Thread = { task: 1, tid: 10, start: process.start, cpu_ns: 100, process };
	const other: Thread = { task: 2, tid: 11, start: 101.5 * SECOND, cpu_ns: 40, process };
	// the old leader gets the other's id and is freed
	const oldLeader: Thread = { ...leader, tid: 11, cpu_ns: 130 };
	const newLeader: Thread = { ...other, tid: 10, start: process.start, cpu_ns: 60 };

	test.each([
		['seen before and after', [leader, other]],
		['the other never seen', [leader]],
		['both never seen', []],
	])('%s', (_, before) => {
		const machine = new Machine();
		machine.scan(before);
		machine.scan([newLeader]);
		machine.ledger.recordExit(sampleOf(oldLeader));
		machine.scan([{ ...newLeader, cpu_ns: 65 }]);
		const { processes } = machine.ledger.interval();
		expect(processes).toHaveLength(1);
		expect(processes[0]).toMatchObject({ cpu_ns_total: 130 + 65, threads: 1 });
	});

	test('and the end of it before the next look', () => {
		const machine = new Machine();
		machine.scan([leader, other]);
		machine.scan([]);
		machine.ledger.recordExit(sampleOf(oldLeader));
		machine.ledger.exit(sampleOf(newLeader));
		machine.ledger.recordExit(sampleOf({ ...newLeader, cpu_ns: 66 }));
		expect(machine.ledger.interval()).toMatchObject({ ended: 1, processes: [{ cpu_ns_total: 130 + 66, threads: 0 }] });
	});
});

test('whatever the order of looks and records, every nanosecond is charged once', () => {
	const next = generator(7);
	const machine = new Machine();
	const living: Thread[] = [];
	let graves: Thread[] = [];
	let used = 0;
	let charged = 0;
	let born = 0;
	const work = (threads: Thread[]): void => {
		for (const thread of threads) {
			const ns = Math.floor(next() * 1000);
			thread.cpu_ns += ns;
			used += ns;
		}
	};
	for (let round = 0; round < 400; round++) {
		const last = round >= 390;
		for (let i = 0; !last && i < next() * 6; i++) {
			born++;
			const leader = living[Math.floor(next() * living.length)];
			const start = machine.now + 1 + born;
			const thread = single(1000 + Math.floor(next() * 20) * 100, 10 + born, start, 0);
			// tasks alive or not freed yet have different addresses
			while ([...living, ...graves].some(({ task }) => task === thread.task)) thread.task++;
			if (leader && next() < 0.5) thread.process = leader.process;
			living.push(thread);
		}
		work(living);
		machine.scan(living);
		work(living);
		// some die; a leader only after its threads
		for (const thread of [...living]) {
			const alone = living.every((other) => other === thread || other.process !== thread.process);
			if ((last || next() < 0.2) && (thread.tid !== thread.process.pid || alone)) {
				living.splice(living.indexOf(thread), 1);
				if (next() < 0.5) machine.ledger.exit(sampleOf(thread));
				work([thread]);
				graves.push(thread);
			}
		}
		// some are freed at once, some later
		graves = graves.filter((thread) => {
			if (!last && next() < 0.4) return true;
			machine.ledger.recordExit(sampleOf(thread));
			return false;
		});
		const { processes, unattributed_ns } = machine.ledger.interval();
		expect(unattributed_ns).toBe(0);
		for (const { cpu_ns } of processes) {
			expect(cpu_ns).toBeGreaterThanOrEqual(0);
			charged += cpu_ns;
		}
	}
	expect(living).toEqual([]);
	expect(graves).toEqual([]);
	expect(charged).toBe(used);
	machine.scan([], 3 * SECOND);
	machine.ledger.interval();
	machine.scan([], 3 * SECOND);
	expect(machine.ledger.interval()).toMatchObject({ processes: [], alive: 0, ended: 0, unfinished: 0 });
});

describe('packages, speed and interrupts', () => {
	const none = { cycles: 0, cycles_ns: 0 };
	const placement: Placement = { packageOf: (cpu) => cpu, speedOf: (_, ghz) => (ghz ?? 4) / 4 };

	/** A ledger after its first look, in the middle of an interval. */
	function ledger(): CpuLedger {
		const fresh = new CpuLedger(100 * SECOND, placement);
		fresh.beginScan();
		fresh.endScan(101 * SECOND);
		fresh.interval();
		fresh.beginScan();
		return fresh;
	}

	const at = (cpu_ns: number, cpu: number, more: Partial<ThreadSample> = {}): ThreadSample => ({
		...sampleOf(single(1, 10, 101.5 * SECOND, cpu_ns)),
		cpu,
		...more,
	});

	function partsOf(of: CpuLedger): object[] {
		of.endScan(102 * SECOND);
		return of.interval().threads.flatMap(({ parts }) => parts);
	}

	test('a thread that moves is charged to each package for what it used there, although it was not known before', () => {
		const moving = ledger();
		moving.move(at(30, 0));
		moving.move(at(50, 1));
		moving.move(at(51, 0));
		moving.observe(at(60, 1));
		expect(partsOf(moving)).toEqual([
			{ ...none, packageIndex: 0, used_ns: 31, work: 31 },
			{ ...none, packageIndex: 1, used_ns: 29, work: 29 },
		]);
		// the next interval begins where this one ended
		moving.beginScan();
		moving.move(at(75, 1));
		moving.observe(at(75, 0));
		expect(partsOf(moving)).toEqual([{ ...none, packageIndex: 1, used_ns: 15, work: 15 }]);
	});

	test('moves of another thread that had the same memory are not taken for its own', () => {
		const moving = ledger();
		moving.move(at(30, 0, { start: 101.2 * SECOND }));
		moving.observe(at(60, 1));
		expect(partsOf(moving)).toEqual([{ ...none, packageIndex: 1, used_ns: 60, work: 60 }]);
	});

	test('what interrupts took is no work, and never more than all of it', () => {
		const stolen = ledger();
		stolen.observe(at(100, 0, { irq_ns: 30 }));
		expect(partsOf(stolen)).toEqual([{ ...none, packageIndex: 0, used_ns: 100, work: 70 }]);
		stolen.beginScan();
		stolen.observe(at(110, 0, { irq_ns: 60 }));
		expect(partsOf(stolen)).toEqual([{ ...none, packageIndex: 0, used_ns: 10, work: 0 }]);
	});

	test('cycles weigh the time that they are known for, and the rest of it alike', () => {
		const counted = ledger();
		// 2 GHz of 4, known for three quarters of the time
		counted.observe(at(100, 0, { cycles: 150, cycles_ns: 75 }));
		expect(partsOf(counted)).toEqual([{ packageIndex: 0, used_ns: 100, work: 50, cycles: 150, cycles_ns: 75 }]);
		counted.beginScan();
		// nothing new is known: the slice is not over
		counted.observe(at(140, 0, { cycles: 150, cycles_ns: 75 }));
		expect(partsOf(counted)).toEqual([{ ...none, packageIndex: 0, used_ns: 40, work: 40 }]);
	});

	test('an idle thread is alive without being scanned', () => {
		const idle = ledger();
		idle.observe(at(60, 0));
		partsOf(idle);
		idle.beginScan();
		expect(idle.isIdle(1, 101.5 * SECOND, 61)).toBe(false);
		expect(idle.isIdle(1, 101.6 * SECOND, 60)).toBe(false);
		expect(idle.isIdle(2, 101.5 * SECOND, 60)).toBe(false);
		expect(idle.isIdle(1, 101.5 * SECOND, 60)).toBe(true);
		idle.endScan(103 * SECOND);
		expect(idle.interval()).toMatchObject({ alive: 1, ended: 0, threads: [], processes: [{ pid: 10, threads: 1 }] });
	});
});
