/** From suspicions of single intervals to findings. */
import { describe, expect, test } from 'vitest';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import type { Level, Suspicion } from '../../src/tracers/overview/finding.ts';
import type { Rule } from '../../src/tracers/overview/rule.ts';
import { Tracker } from '../../src/tracers/overview/tracker.ts';

const rule = (id: string, level: Level = 'high'): Rule => ({ id, level, title: id, help: '', check: () => [] });
const suspicion = (about: string, excess = 1): Suspicion => ({
	about,
	excess,
	subject: sanitize(about),
	text: safe`x`,
	figures: { excess },
	owner: null,
	link: { tab: 'io', filter: '' },
	witnesses: [safe`the kernel`, safe`another`],
});

/** Feeds one rule, an interval of `seconds` at a time. */
function feed(tracker: Tracker, one: Rule, start = 0) {
	let now = start;
	return (excess: number | null, seconds = 1) => {
		now += seconds;
		const instant = {
			time: new Date(Date.UTC(2026, 0, 1) + now * 1000).toISOString(),
			mono_ns: now * 1e9,
			dt_ns: seconds * 1e9,
		};
		const suspicions = excess === null ? [] : [suspicion('thing', excess)];
		return tracker.update([{ rule: one, suspicions }], instant);
	};
}

describe('beginning', () => {
	test('one interval of a second is an accident, two are a finding; since: the beginning of the first', () => {
		const next = feed(new Tracker(), rule('a'), 100);
		expect(next(1.2)).toEqual([]);
		expect(next(1.2)).toMatchObject([{ rule: 'a', since: '2026-01-01T00:01:40.000Z' }]);
	});

	test('an owner of an earlier interval remains, unless the cause is no process', () => {
		const tracker = new Tracker();
		const one = rule('a');
		let at = 0;
		const next = (more: Partial<Suspicion>) => {
			at += 1;
			const instant = { time: new Date(at * 1000).toISOString(), mono_ns: at * 1e9, dt_ns: 1e9 };
			return tracker.update([{ rule: one, suspicions: [{ ...suspicion('thing'), ...more }] }], instant)[0]?.owner;
		};
		const owner = { role: safe`by` } as Suspicion['owner'];
		next({ owner });
		expect(next({})).toEqual(owner);
		expect(next({ ownerless: true })).toBeNull();
		expect(next({})).toBeNull();
	});

	test('its worst interval is remembered', () => {
		const next = feed(new Tracker(), rule('a'), 100);
		next(1);
		next(4);
		expect(next(2)).toMatchObject([{ excess: 2, peak: { excess: 4, text: 'x', time: '2026-01-01T00:01:42.000Z' } }]);
		expect(next(5)).toMatchObject([{ excess: 5, peak: { excess: 5, time: '2026-01-01T00:01:44.000Z' } }]);
	});

	test('a long interval is enough by itself, short ones need more of them', () => {
		expect(feed(new Tracker(), rule('a'))(1, 10)).toHaveLength(1);
		const next = feed(new Tracker(), rule('a'));
		const reported = Array.from({ length: 8 }, () => next(1, 0.25).length);
		expect(reported).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
	});

	test('a rule that wants to see it for longer', () => {
		const next = feed(new Tracker(), { ...rule('a'), beginsAfter: 5e9 });
		expect(Array.from({ length: 6 }, () => next(1).length)).toEqual([0, 0, 0, 0, 1, 1]);
		expect(feed(new Tracker(), { ...rule('a'), beginsAfter: 5e9 })(1, 10)).toHaveLength(1);
	});

	test('now and then is not enough', () => {
		const next = feed(new Tracker(), rule('a'));
		for (let i = 0; i < 50; i++) expect(next(i % 2 === 0 ? 2 : null)).toEqual([]);
	});

	test('nearly at the limit neither begins nor helps to begin', () => {
		const next = feed(new Tracker(), rule('a'));
		for (let i = 0; i < 20; i++) expect(next(0.99)).toEqual([]);
		expect(next(1.1)).toEqual([]);
		for (let i = 0; i < 20; i++) expect(next(0.8)).toEqual([]);
		expect(next(1.1)).toHaveLength(1);
	});

	test('what is no number is no finding', () => {
		const next = feed(new Tracker(), rule('a'));
		for (let i = 0; i < 5; i++) expect(next(Number.NaN)).toEqual([]);
	});
});

describe('going on', () => {
	test('it does not flicker around its limit', () => {
		const next = feed(new Tracker(), rule('a'));
		next(1);
		next(1);
		for (let i = 0; i < 50; i++) expect(next(i % 2 ? 1.1 : 0.8)).toHaveLength(1);
	});

	test('two seconds away is a pause, three are the end; what comes later is another one', () => {
		const next = feed(new Tracker(), rule('a'));
		next(1);
		const [first] = next(1);
		expect(next(null)).toMatchObject([{ since: first?.since }]);
		expect(next(0.5)).toHaveLength(1);
		expect(next(1)).toMatchObject([{ since: first?.since }]);
		next(null);
		next(null);
		expect(next(null)).toEqual([]);
		next(1);
		const [second] = next(1);
		expect(second?.since).not.toBe(first?.since);
	});
});

describe('order', () => {
	const instant = (seconds: number) => ({
		time: new Date(seconds * 1000).toISOString(),
		mono_ns: seconds * 1e9,
		dt_ns: 2e9,
	});

	test('worse before less bad, older before younger, whatever the figures do', () => {
		const tracker = new Tracker();
		const [bad, old, young] = [rule('bad', 'severe'), rule('old'), rule('young')];
		tracker.update([{ rule: old, suspicions: [suspicion('x')] }], instant(2));
		const all = (excess: number) => [
			{ rule: young, suspicions: [suspicion('x', 10 - excess)] },
			{ rule: old, suspicions: [suspicion('x', excess)] },
			{ rule: bad, suspicions: [suspicion('x')] },
		];
		for (const excess of [1, 9, 5]) {
			expect(tracker.update(all(excess), instant(4)).map((one) => one.rule)).toEqual(['bad', 'old', 'young']);
		}
	});

	test('five in all, two of a rule', () => {
		const tracker = new Tracker();
		const many = ['a', 'b', 'c', 'd'].map((id) => ({
			rule: rule(id),
			suspicions: [suspicion('x'), suspicion('y'), suspicion('z')],
		}));
		expect(tracker.update(many, instant(2)).map((one) => `${one.rule}${one.subject}`)).toEqual([
			'ax',
			'ay',
			'bx',
			'by',
			'cx',
		]);
	});
});
