/**
 * bpf/events/ticks.bpf.h itself, compiled for this machine (test/unit/fixtures/bpf-native), on invented ticks: which gaps it
 * reports, and why the CPU did not tick.
 */
import { expect, test } from 'vitest';
import { tick_gap_reason } from '../../src/generated/events.ts';
import { replayOf } from './replay.ts';

const output = replayOf('ticks');
const {
	TICK_GAP_UNKNOWN,
	TICK_GAP_STOLEN,
	TICK_GAP_IRQS_OFF,
	TICK_GAP_TIMER_LATE,
	TICK_GAP_UNKNOWN_BRIEF,
	TICK_GAP_STOLEN_BRIEF,
	TICK_GAP_TIMER_LATE_BRIEF,
} = tick_gap_reason;

/** Lines of `MS CPU TASK EVENT ARGUMENT…`, times in ms. */
const replay = (...events: string[]) =>
	output(events.map((line) => line.replace(/^\S+/, (ms) => String(Math.round(Number(ms) * 1e6)))))
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as Record<string, unknown>);

const [STOLEN_20_MS, NOTHING] = [20e6, 0];

test('ticks in time, and late by less than two, are no gap', () => {
	expect(replay('100 0 5 tick 0', '104 0 5 tick 0', '108 0 5 tick 0', '119 0 5 tick 0', '123 0 5 tick 0')).toEqual([]);
});

test('a gap is reported at the next tick: the hypervisor has said by then what it took', () => {
	const gap = ['100 0 5 tick 0', '124 0 5 tick 0'];
	expect(replay(...gap)).toEqual([]);
	expect(replay(...gap, `128 0 5 tick ${STOLEN_20_MS}`)).toEqual([
		{ cpu: 0, reason: TICK_GAP_STOLEN, ended_ns: 124e6, gap_ns: 24e6, stolen_ns: 20e6, together: false },
	]);
	// stolen before the gap is not stolen in it
	const early = ['100 0 5 tick 30000000', '124 0 5 tick 30000000', '128 0 5 tick 30000000'];
	expect(replay(...early)).toMatchObject([{ reason: TICK_GAP_IRQS_OFF, stolen_ns: 0 }]);
});

test('no switch in most of the gap: interrupts were off; tasks switched on: the timer was late', () => {
	const [before, after] = [['100 0 5 tick 0'], ['124 0 6 tick 0', `128 0 6 tick ${NOTHING}`]];
	expect(replay(...before, ...after)).toMatchObject([{ reason: TICK_GAP_IRQS_OFF }]);
	// many switches, all of them before it began
	expect(replay(...before, '103 0 6 switch 90', ...after)).toMatchObject([{ reason: TICK_GAP_IRQS_OFF }]);
	expect(replay(...before, '120 0 6 switch 90', ...after)).toMatchObject([{ reason: TICK_GAP_TIMER_LATE }]);
	// the one that waited for interrupts comes right at the end
	expect(replay(...before, '123.9 0 6 switch 1', ...after)).toMatchObject([{ reason: TICK_GAP_IRQS_OFF }]);
});

test('a guest whose hypervisor counts no steal time: not known, unless all CPUs stood still at once', () => {
	const guest = ['1 0 5 guest 1', '100 0 5 tick 0'];
	expect(replay(...guest, '324 0 5 tick 0', '328 0 5 tick 0')).toMatchObject([{ reason: TICK_GAP_UNKNOWN }]);
	const both = ['100.5 1 6 tick 0', '5124 0 5 tick 0', '5124.4 1 6 tick 0', '5128 0 5 tick 0', '5128 1 6 tick 0'];
	expect(replay(...guest, ...both)).toMatchObject([
		{ cpu: 0, reason: TICK_GAP_STOLEN, gap_ns: 5024e6, together: true },
		{ cpu: 1, reason: TICK_GAP_STOLEN, gap_ns: 5023.9e6, together: true },
	]);
	// the other one ticked meanwhile
	const one = ['100.5 1 6 tick 0', '2000 1 6 tick 0', '2004 1 6 tick 0', '5124 0 5 tick 0', '5128 0 5 tick 0'];
	expect(replay(...guest, ...one)).toMatchObject([
		{ cpu: 1, gap_ns: 1899.5e6 },
		{ cpu: 0, reason: TICK_GAP_UNKNOWN, together: false },
	]);
	// the same without a hypervisor: firmware, or interrupts that were off everywhere
	expect(replay('100 0 5 tick 0', ...both)).toMatchObject([
		{ reason: TICK_GAP_IRQS_OFF, together: true },
		{ reason: TICK_GAP_IRQS_OFF, together: true },
	]);
});

/** Gaps of 20 ms, one each `every` ms, the first at 100 ms; `end`: what happens 1 ms before the end of each. */
const gapsEach = (every: number, count: number, stolen = 0, end: (at: number) => string[] = () => []): string[] =>
	Array.from({ length: count }, (_, number) => 100 + number * every).flatMap((at, number) => [
		`${at} 0 5 tick ${number * stolen}`,
		...end(at + 19),
		`${at + 20} 0 6 tick ${number * stolen}`,
		`${at + 24} 0 6 tick ${(number + 1) * stolen}`,
		`${at + 25} 0 0 stop`,
	]);

test('what the host of a guest takes for a moment is brief; 100 ms, or 5 % of the time, is not', () => {
	const reasons = (...events: string[]) => replay('1 0 5 guest 1', ...events).map(({ reason }) => reason);
	// 4 % of the time
	expect(new Set(reasons(...gapsEach(500, 100)))).toEqual(new Set([TICK_GAP_UNKNOWN_BRIEF]));
	expect(new Set(reasons(...gapsEach(500, 100, STOLEN_20_MS)))).toEqual(new Set([TICK_GAP_STOLEN_BRIEF]));
	const busy = (at: number) => [`${at} 0 6 switch 90`];
	expect(new Set(reasons(...gapsEach(500, 100, 0, busy)))).toEqual(new Set([TICK_GAP_TIMER_LATE_BRIEF]));
	// 10 %: 20, 30, 40, … ms beyond the free part
	const many = reasons(...gapsEach(200, 20, STOLEN_20_MS));
	expect(many.slice(0, 8)).toEqual(new Array(8).fill(TICK_GAP_STOLEN_BRIEF));
	expect(many.slice(8)).toEqual(new Array(12).fill(TICK_GAP_STOLEN));
	// one long gap, and brief ones 3 s later
	const later = gapsEach(500, 3).map((line) => line.replace(/^\d+/, (ms) => String(Number(ms) + 3500)));
	expect(reasons('100 0 5 tick 0', '400 0 5 tick 0', '404 0 5 tick 0', '405 0 0 stop', ...later)).toEqual([
		TICK_GAP_UNKNOWN,
		...new Array(3).fill(TICK_GAP_UNKNOWN_BRIEF),
	]);
	// interrupts that are off are the guest's own doing: the hypervisor counts what it takes
	expect(reasons('100 0 5 tick 1000', '124 0 5 tick 1000', '128 0 5 tick 1000')).toEqual([TICK_GAP_IRQS_OFF]);
});

test('a CPU that is idle or has stopped its tick has no gap; one before that is reported at the stop', () => {
	expect(replay('100 0 5 tick 0', '101 0 0 stop', '500 0 5 tick 0', '504 0 5 tick 0')).toEqual([]);
	expect(replay('100 0 5 tick 0', '104 0 0 tick 0', '500 0 5 tick 0', '504 0 5 tick 0')).toEqual([]);
	expect(replay('100 0 5 tick 0', '124 0 5 tick 0', '125 0 0 stop')).toMatchObject([
		{ reason: TICK_GAP_IRQS_OFF, ended_ns: 124e6 },
	]);
});
