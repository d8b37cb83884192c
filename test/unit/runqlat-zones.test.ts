import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { filterOf, filterSettings, filterText } from '../../src/bpf/task-filter.ts';
import { Unavailable } from '../../src/core/errors.ts';
import { task_filter, task_filter_setting } from '../../src/generated/lib.ts';
import { LOG2_SLOTS, slotCount, slotLower } from '../../src/lib/histogram.ts';
import { log2Slots, parseZones, zonesOf } from '../../src/tracers/runqlat/zones.ts';
import { heatMapLines } from '../../src/ui/widgets/heat-map.tsx';
import { plain } from '../ui/plain.ts';

test('limits of zones', () => {
	expect(parseZones('10,100,1000')).toEqual([1e4, 1e5, 1e6]);
	expect(parseZones('0.5')).toEqual([500]);
	for (const wrong of ['', 'x', '10,10', '10,5', '-1', '1,,2', '1,2,3,4,5,6,7,8', '1e12'])
		expect(parseZones(wrong), wrong).toBeUndefined();
});

test.each([2, 4])('every wait is in one zone, off by half a slot at most (sub-bits %i)', (subBits) => {
	const length = slotCount(subBits);
	const limits = [1e4, 1e5, 1e6];
	const slots = new Float64Array(length);
	for (let slot = 0; slot < length; slot++) {
		slots.fill(0);
		slots[slot] = 3;
		const zones = zonesOf(slots, limits);
		expect(zones.reduce((sum, count) => sum + count, 0)).toBe(3);
		const zone = zones.indexOf(3);
		const [lower, upper] = [slotLower(slot, length), slotLower(slot + 1, length)];
		if (zone < limits.length) expect(lower).toBeLessThan(limits[zone] as number);
		if (zone > 0) expect(upper).toBeGreaterThan(limits[zone - 1] as number);
	}
});

test('buckets in the 26 powers of two of the original, in µs and ms', () => {
	expect(LOG2_SLOTS).toBe(26);
	const at = (upper: number, unit: number) => log2Slots([[upper, 1]], unit).indexOf(1);
	expect(at(500, 1e3)).toBe(0);
	expect(at(1900, 1e3)).toBe(0);
	expect(at(2100, 1e3)).toBe(1);
	expect(at(1_048_576, 1e3)).toBe(9);
	expect(at(5e6, 1e6)).toBe(2);
	expect(at(2 ** 37, 1e3)).toBe(25);
});

test('filters as the kernel compares them', () => {
	const nameOf = (comm: string): string => {
		const { on, values } = filterSettings({ comm });
		expect(on).toBe(1 << task_filter.FILTER_COMM);
		expect(values.map(([setting]) => setting)).toEqual([
			task_filter_setting.SETTING_COMM_LOW,
			task_filter_setting.SETTING_COMM_HIGH,
		]);
		const bytes = new Uint8Array(new BigUint64Array(values.map(([, value]) => value)).buffer);
		return new TextDecoder().decode(bytes);
	};
	expect(nameOf('a-name-that-is-longer-than-15')).toBe('a-name-that-is-\0');
	expect(nameOf('nginx')).toBe('nginx\0\0\0\0\0\0\0\0\0\0\0');
	expect(filterSettings({})).toEqual({ on: 0, values: [] });
	expect(filterSettings({ tgid: 7, cgroup: 12 })).toEqual({
		on: (1 << task_filter.FILTER_TGID) | (1 << task_filter.FILTER_CGROUP),
		values: [
			[task_filter_setting.SETTING_TGID, 7n],
			[task_filter_setting.SETTING_CGROUP, 12n],
		],
	});
	expect(filterOf({ pid: 0, comm: '', cgroup: '' }, '/proc')).toEqual({});
	expect(filterOf({ pid: 7, comm: 'x' }, '/proc')).toEqual({ tgid: 7, comm: 'x' });
	expect(() => filterOf({ cgroup: '/none' }, '/nowhere')).toThrow(Unavailable);
	// a thread of this process, which has several; it measures nothing as a process
	const thread = readdirSync('/proc/self/task').map(Number).find((tid) => tid !== process.pid); // biome-ignore format: one step
	expect(() => filterOf({ pid: thread as number }, '/proc')).toThrow(`${thread} is a thread of process ${process.pid}`);
	expect(filterOf({ pid: process.pid }, '/proc')).toEqual({ tgid: process.pid });
	const name = (id: number) => `group ${id}`;
	expect(filterText({ pid: 7, comm: 'x', cgroup: '' }, name)).toBe('pid 7, comm x');
	// picked on the screen: by id, whatever was asked for at start
	expect(filterOf({ cgroup: '/none', cgroup_id: 12 }, '/nowhere')).toEqual({ cgroup: 12 });
	expect(filterText({ cgroup: '/none', cgroup_id: 12 }, name)).toBe('cgroup group 12');
});

test('the heat map: newest on the right, slowest on top, never wider than asked', () => {
	const column = (slot: number, count: number) =>
		Array.from({ length: 26 }, (_, index) => (index === slot ? count : 0));
	const columns = [column(2, 1), column(2, 1000), column(12, 5)];
	const timeline = { ages: [2, 1, 0], gaps: [0, 0, 0], step: 1 };
	const lines = heatMapLines({ title: 'all', columns, unit: 1e3, timeline, width: 40, height: 8 }).map(plain);
	expect(lines.every((line) => line.length <= 40 + 60)).toBe(true);
	expect(lines[1]?.trimEnd().endsWith('▒') || lines[1]?.trimEnd().endsWith('░')).toBe(true);
	expect(lines.at(-2)).toContain('█');
	expect(lines.at(-1)).toContain('now');
	for (const height of [0, 1, 3])
		expect(heatMapLines({ title: '', columns, unit: 1e3, timeline, width: 40, height }).length).toBeLessThanOrEqual(
			height,
		);
	// what is drawn in the column of a gap stays, and what is free of it says so
	const torn = { ...timeline, ages: [62, 61, 0], gaps: [0, 0, 60] };
	const marked = heatMapLines({ title: 'all', columns, unit: 1e3, timeline: torn, width: 60, height: 8 }).map(plain);
	expect(marked[0]).toMatch(/┊ gap of 1m00s$/);
	expect(marked[1]).not.toContain('┊');
	expect(marked.slice(2, -1).every((line) => line.endsWith('┊'))).toBe(true);
	expect(heatMapLines({ title: '', columns: [], unit: 1e3, timeline, width: 40, height: 9 })).toEqual([]);
});
