/** Events on the time axes of other tabs, and one event with all fields and the state of its interval. */
import './blessed-hook.ts';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Store } from '../../src/history/store.ts';
import type { EventRow, EventsExtra } from '../../src/tracers/events/snapshot.ts';
import { momentLines } from '../../src/ui/tabs/events/moment.ts';
import { chartLines } from '../../src/ui/widgets/chart.ts';
import { eventMarks, eventStrip } from '../../src/ui/widgets/event-marks.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { eventsSnapshot } from './fixtures/events.ts';
import { ioSnapshot } from './fixtures/io.ts';
import { irqSnapshot } from './fixtures/irq.ts';
import { overviewFixture } from './fixtures/overview.ts';
import { runqlatSnapshot } from './fixtures/runqlat.ts';
import { eventually, plain } from './plain.ts';
import { onScreen } from './screen.tsx';

type Events = Snapshot<EventRow, EventsExtra>;

/** An interval with one event of this severity, at its end; without: none. */
function events(tick: number, severity?: EventRow['severity']): Events {
	const snapshot = eventsSnapshot(tick);
	const [row] = snapshot.rows as [EventRow];
	const own = { ...row, ...(severity && { severity }), count: severity ? 1 : 0, last_mono_ns: snapshot.mono_ns };
	return { ...snapshot, rows: [own] };
}

const history = [events(0), events(1, 'notice'), events(2), events(3, 'severe'), events(4)];
const others = [0, 1, 2, 3, 4].map((tick) => energySnapshot(tick));

describe('marks', () => {
	test('each interval of another tab has the worst event of the same time', () => {
		expect(eventMarks(others, history)).toEqual([null, 'notice', null, 'severe', null]);
		expect(eventMarks(others.slice(2), history)).toEqual([null, 'severe', null]);
		expect(eventMarks(others, history.slice(0, 2))).toEqual([null, 'notice', null, null, null]);
		expect(eventMarks(others, [])).toEqual([null, null, null, null, null]);
	});

	test('groups of normal operation, and events of before the interval, have none', () => {
		const [old] = events(1, 'severe').rows as [EventRow];
		const before = { ...events(1), rows: [{ ...old, last_mono_ns: old.last_mono_ns - 5e9 }] };
		expect(eventMarks(others, [events(0, 'normal'), before])).toEqual([null, null, null, null, null]);
	});

	test('they are drawn on the time axis of a chart, at their interval', () => {
		const lines = chartLines({
			series: [{ role: 'series1', values: [1, 2, 3, 2, 1] }],
			width: 40,
			height: 6,
			format: String,
			timeline: { ages: [4, 3, 2, 1, 0], gaps: [0, 0, 0, 0, 0], step: 1 },
			marks: [null, 'notice', null, 'severe', null],
		}).map(plain);
		const axis = lines.find((line) => line.includes('◆')) as string;
		expect(axis.indexOf('◆') - axis.indexOf('○')).toBe(2);
		expect(axis.indexOf('◆')).toBe(38);
	});
});

test('the strip: the newest interval at the right, the newest event in words; nothing without events', () => {
	const line = plain(eventStrip(history, 80));
	expect(line).toMatch(/^ events +·○·◆· {2}1s ago drop SOCKET_RCVBUFF eth0$/);
	for (const width of [24, 40, 80, 200]) expect(plain(eventStrip(history, width)).length).toBeLessThanOrEqual(width);
	expect(eventStrip([events(0), events(1)], 80)).toBe('');
	expect(eventStrip([], 80)).toBe('');
	expect(eventStrip(history, 10)).toBe('');
});

test('the state of the interval that has the event: machine, process and findings', () => {
	const overview = overviewFixture()(3, [energySnapshot(3), runqlatSnapshot(3), irqSnapshot(3), ioSnapshot(3)]);
	const [process] = overview.rows;
	if (!process) throw new Error('the fixture has processes');
	const at = (tab: string, mono_ns: number) =>
		tab === 'overview' && mono_ns <= overview.mono_ns ? (overview as never) : undefined;
	const about = (pid: number, start_time: number) =>
		momentLines({ mono_ns: overview.mono_ns - 1e8, pid, start_time }, at, 120)
			.map((spans) => spans.map((span) => (typeof span === 'string' ? span : span[1])).join(''))
			.join('\n');
	const own = about(process.pid, process.start_time);
	expect(own).toMatch(/machine {2}CPU .*power .*run queue .*IRQ .*IO /);
	expect(own).toContain(`${process.comm}[${process.pid}]`);
	for (const finding of overview.findings) expect(own).toContain(finding.rule);
	expect(about(0, 0)).toContain('busiest');
	expect(about(999_999, 5)).toContain('no figures of it in that interval');
	expect(momentLines({ mono_ns: overview.mono_ns + 1e9, pid: 0, start_time: 0 }, at, 80)).toEqual([]);
});

test('the interval of another tab that has a time', () => {
	const store = new Store();
	for (const snapshot of others) store.apply({ kind: 'snapshot', snapshot });
	const third = others[2] as (typeof others)[number];
	expect(store.at('energy', third.mono_ns - 1e8)?.mono_ns).toBe(third.mono_ns);
	expect(store.at('energy', third.mono_ns - 1e8)?.rows.length).toBeGreaterThan(0);
	expect(store.at('energy', (others[0] as typeof third).mono_ns - 60e9)).toBeUndefined();
	expect(store.at('energy', (others[4] as typeof third).mono_ns + 1e9)).toBeUndefined();
	expect(store.at('io', third.mono_ns)).toBeUndefined();
});

describe('on the screen', () => {
	const screen = onScreen('energy');

	test('other tabs have the strip as soon as there is an event, the events tab has none', async () => {
		await screen.show(energySnapshot(0), events(0));
		expect(screen.text()).not.toContain(' events ');
		await screen.show(energySnapshot(1), events(1, 'high'));
		await eventually(() => expect(screen.text()).toMatch(/^ events +·● {2}0s ago drop SOCKET_RCVBUFF eth0/m));
		expect(screen.text().split('\n').length).toBeLessThanOrEqual(24);
	});
});
