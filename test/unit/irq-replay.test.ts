/**
 * bpf/irq/irq.bpf.c itself, compiled for this machine (test/unit/fixtures/bpf-native), on invented events: what it must make
 * of them is known to the nanosecond.
 */
import { expect, test } from 'vitest';
import { replayOf } from './replay.ts';

interface Cpu {
	victims_full: number;
	interleaved: number;
	timer: [number, number];
	soft: { count: number; ns: number; zones: number[]; late: number; late_ns: number }[];
	hard: { irq: number; name: string; count: number; ns: number; unhandled: number }[];
	victims: { tgid: number; kind: number; count: number; ns: number[] }[];
}

const output = replayOf('irq');
const NET_RX = 3;
const BLOCK = 4;
const [IDLE, PROCESS] = [1, 3];

/** By process: the ends of softirqs and those of other interrupts have a value each. */
function added(victims: Cpu['victims']): Cpu['victims'] {
	const sums = new Map<number, Cpu['victims'][number]>();
	for (const victim of victims) {
		const sum = sums.get(victim.tgid) ?? { ...victim, count: 0, ns: [0, 0, 0] };
		sums.set(victim.tgid, {
			...sum,
			count: sum.count + victim.count,
			ns: sum.ns.map((ns, kind) => ns + (victim.ns[kind] as number)),
		});
	}
	return [...sums.values()];
}

/** Lines of `NS CPU TASK EVENT ARGUMENT…`. */
function replay(...events: string[]): Cpu[] {
	const { cpus } = JSON.parse(output(events)) as { cpus: Cpu[] };
	return cpus.map((cpu) => ({ ...cpu, victims: added(cpu.victims) }));
}

test('a re-raise while pending keeps the first stamp; the next raise after the entry is new', () => {
	const [cpu] = replay(
		'1000 0 5 raise 3',
		'9000 0 5 raise 3',
		'11000 0 5 entry 3',
		// raised by its own handler
		'12000 0 5 raise 3',
		'13000 0 5 exit 3',
		'212000 0 5 entry 3',
		'213000 0 5 exit 3',
	);
	expect(cpu?.soft[NET_RX]).toEqual({ count: 2, ns: 3000, zones: [0, 1, 1, 0], late: 2, late_ns: 10_000 + 200_000 });
});

test('zones: a bound belongs to the zone above it', () => {
	const late = [1, 9999, 10_000, 99_999, 100_000, 999_999, 1_000_000, 5_000_000_000];
	const [cpu] = replay(
		...late.flatMap((ns, index) => {
			const at = 10_000_000_000 * (index + 1);
			return [`${at} 0 5 raise 4`, `${at + ns} 0 5 entry 4`, `${at + ns + 50} 0 5 exit 4`];
		}),
	);
	expect(cpu?.soft[BLOCK]).toMatchObject({ count: 8, ns: 400, zones: [2, 2, 2, 2], late: 8 });
});

test('an entry whose raise was not seen has no lateness', () => {
	const [cpu] = replay('5000000 0 5 entry 3', '5000100 0 5 exit 3');
	expect(cpu?.soft[NET_RX]).toMatchObject({ count: 1, ns: 100, zones: [0, 0, 0, 0], late: 0 });
});

test('an exit whose entry was not seen counts nothing', () => {
	const [cpu] = replay('5000000 0 5 exit 3', '5000100 0 5 hard- 36 0 1', '5000200 0 5 timer-');
	expect(cpu?.soft[NET_RX]).toMatchObject({ count: 0, ns: 0 });
	expect(cpu?.hard).toEqual([]);
	expect(cpu?.timer).toEqual([0, 0]);
	expect(cpu?.victims).toEqual([]);
});

test('softirqs that preempt each other on one CPU: the one that is not counted is said to be missing', () => {
	const [cpu] = replay(
		'1000 0 5 entry 3',
		'2000 0 6 entry 4',
		'2500 0 6 exit 4',
		'9000 0 5 exit 3',
		'9500 0 5 entry 3',
	);
	expect(cpu?.soft[BLOCK]).toMatchObject({ count: 1, ns: 500 });
	expect(cpu?.soft[NET_RX]).toMatchObject({ count: 0 });
	expect(cpu?.interleaved).toBe(1);
});

test('a clock that steps back makes the shortest time, and is counted', () => {
	const events = ['5000 0 5 raise 3', '4000 0 5 entry 3', '3000 0 5 exit 3', '6000 0 5 timer+', '5990 0 5 timer-'];
	const { cpus, negative } = JSON.parse(output(events)) as { cpus: Cpu[]; negative: number };
	expect(cpus[0]?.soft[NET_RX]).toEqual({ count: 1, ns: 1, zones: [1, 0, 0, 0], late: 1, late_ns: 1 });
	expect(cpus[0]?.timer).toEqual([1, 1]);
	expect(negative).toBe(3);
});

test('nesting: hard interrupts and ticks inside a softirq are not part of it, and raise others', () => {
	const [cpu] = replay(
		'1000 0 5 raise 3',
		'2000 0 5 entry 3',
		'3000 0 5 hard+ 36',
		'3400 0 5 raise 4',
		'3500 0 5 raise 3',
		'3600 0 5 hard- 36 0 1',
		'4000 0 5 timer+',
		'4250 0 5 timer-',
		'6000 0 5 exit 3',
		'6500 0 5 entry 3',
		'6600 0 5 exit 3',
		'6700 0 5 entry 4',
		'6800 0 5 exit 4',
	);
	expect(cpu?.soft[NET_RX]).toEqual({
		count: 2,
		ns: 4000 - 600 - 250 + 100,
		zones: [2, 0, 0, 0],
		late: 2,
		late_ns: 1000 + 3000,
	});
	expect(cpu?.soft[BLOCK]).toMatchObject({ count: 1, ns: 100, late_ns: 3300 });
	expect(cpu?.hard).toEqual([{ irq: 36, name: 'a', count: 1, ns: 600, unhandled: 0 }]);
	expect(cpu?.timer).toEqual([1, 250]);
	// all of it was taken from the one task, each nanosecond once
	expect(cpu?.victims).toEqual([{ tgid: 5, kind: PROCESS, count: 5, ns: [600, 3150 + 100 + 100, 250] }]);
});

test('handlers of a shared line are distinguished; IRQ_NONE is counted apart and not charged', () => {
	const [cpu] = replay('1000 0 5 hard+ 9', '1100 0 5 hard- 9 0 0', '1200 0 5 hard+ 9', '1500 0 5 hard- 9 1 1');
	// their order is that of addresses, which differ from run to run
	expect(cpu?.hard.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
		{ irq: 9, name: 'a', count: 0, ns: 0, unhandled: 1 },
		{ irq: 9, name: 'b', count: 1, ns: 300, unhandled: 0 },
	]);
	expect(cpu?.victims).toEqual([{ tgid: 5, kind: PROCESS, count: 1, ns: [300, 0, 0] }]);
});

test('CPUs have their own stamps', () => {
	const [first, second] = replay(
		'1000 0 5 raise 3',
		'1500 1 6 raise 3',
		'2000 1 6 entry 3',
		'2500 1 6 exit 3',
		'9000 0 5 entry 3',
		'9100 0 5 exit 3',
	);
	expect(first?.soft[NET_RX]).toMatchObject({ ns: 100, late_ns: 8000 });
	expect(second?.soft[NET_RX]).toMatchObject({ ns: 500, late_ns: 500 });
});

test('IRQ time is charged to the interrupted task, idle CPUs included', () => {
	const tick = (at: number, task: number) => [`${at} 0 ${task} timer+`, `${at + 10} 0 ${task} timer-`];
	const [cpu] = replay(...tick(1000, 0), ...tick(2000, 7), ...tick(3000, 7 + 512), ...tick(4000, 7));
	expect(cpu?.victims.toSorted((a, b) => a.tgid - b.tgid)).toEqual([
		{ tgid: 0, kind: IDLE, count: 1, ns: [0, 0, 10] },
		{ tgid: 7, kind: PROCESS, count: 2, ns: [0, 0, 20] },
		{ tgid: 519, kind: PROCESS, count: 1, ns: [0, 0, 10] },
	]);
});

test('an interrupt of a process without room is counted', () => {
	const tick = (at: number, task: number) => [`${at} 0 ${task} timer+`, `${at + 10} 0 ${task} timer-`];
	const tasks = [7, 7 + 512, 0, 8];
	const [cpu] = replay(
		'1 0 0 room 3',
		...tasks.flatMap((task, n) => [...tick(1000 * (n + 1), task), ...tick(1000 * (n + 5), task)]),
	);
	expect(cpu?.victims_full).toBe(2);
	expect(Object.fromEntries((cpu?.victims ?? []).map(({ tgid, count }) => [tgid, count]))).toEqual({
		0: 2,
		7: 2,
		519: 2,
	});
	expect(cpu?.timer).toEqual([8, 80]);
});
