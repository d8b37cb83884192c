/** The matrix of guests: what its table says, and that docs/matrix.md knows every check and machine. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Check } from '../matrix/check.ts';
import { loadChecks } from '../matrix/host/bundle.ts';
import { initramfs } from '../matrix/host/initramfs.ts';
import { clockNote } from '../matrix/host/machine-run.ts';
import { machines } from '../matrix/machines.ts';
import { checksText, isError, judgedAnew, type Result, standingTable, tableText, verdictOf } from '../matrix/report.ts';

const [first, second] = machines as [(typeof machines)[0], (typeof machines)[0]];
const run = () => Promise.resolve();
const sound: Check = { shows: 'It holds.', on: () => true, run };
const failing: Check = {
	...sound,
	expected: { outcome: 'fails', reason: 'a fault.', on: (machine) => machine === first },
};
const varying: Check = { ...sound, expected: { outcome: 'varies', reason: 'a race.' } };

test('a check that is marked as failing has to fail', () => {
	expect(verdictOf(sound, first, '')).toBe('passed');
	expect(verdictOf(sound, first, 'no')).toBe('failed');
	expect(verdictOf(failing, first, 'no')).toBe('known');
	expect(verdictOf(failing, first, '')).toBe('fixed');
	expect(verdictOf(failing, second, 'no')).toBe('failed');
	expect(verdictOf(varying, first, '')).toBe('passed');
	expect(verdictOf(varying, first, 'no')).toBe('known');
	expect((['passed', 'failed', 'known', 'fixed'] as const).filter(isError)).toEqual(['failed', 'fixed']);
});

test('earlier results are judged by the marks of today, but a guest that stopped is an error', () => {
	const outcome = { failure: 'no', notes: [], seconds: 1, verdict: 'failed' as const };
	const result: Result = {
		machine: first.name,
		release: '',
		commit: '',
		outcomes: [
			{ ...outcome, check: 'marked' },
			{ ...outcome, check: 'marked', stopped: true },
			{ ...outcome, check: 'gone' },
		],
	};
	const { outcomes } = judgedAnew(result, new Map([['marked', failing]]), first);
	expect(outcomes.map(({ verdict }) => verdict)).toEqual(['known', 'failed']);
});

test('a row for each check, a column for each machine, without padding', () => {
	const checks = new Map<string, Check>([
		['one', sound],
		['two', { ...failing, on: (machine) => machine === first }],
	]);
	const outcome = { failure: '', notes: [], seconds: 1 };
	const result: Result = {
		machine: first.name,
		release: '5.10.0-46-amd64',
		commit: 'abc1234',
		outcomes: [
			{ ...outcome, check: 'one', verdict: 'failed' },
			{ ...outcome, check: 'two', verdict: 'known' },
		],
	};
	expect(tableText(checks, [first, second], new Map([[first.name, result]])).split('\n')).toEqual([
		`| check | ${first.name} | ${second.name} |`,
		'| --- | --- | --- |',
		'| kernel | 5.10.0-46 | ? |',
		'| commit | abc1234 | ? |',
		'| `one` | **no** | ? |',
		'| `two` | known | – |',
	]);
	expect(checksText(checks).split('\n')[1]).toBe('- `two`: It holds. **Known to fail:** a fault.');
});

test('what did not run now stands as it was, of the same kernel only, with the commits of both', () => {
	const checks = new Map<string, Check>([
		['one', sound],
		['two', sound],
		['new', sound],
	]);
	const outcome = { failure: '', notes: [], seconds: 1, verdict: 'passed' as const };
	const of = (machine: (typeof machines)[0], release: string, commit: string, ...ran: string[]): [string, Result] => [
		machine.name,
		{ machine: machine.name, release, commit, outcomes: ran.map((check) => ({ ...outcome, check })) },
	];
	const before = `Text\n\n${tableText(
		checks,
		[first, second],
		new Map([of(first, '5.10.0-46-amd64', 'aaa', 'one', 'two'), of(second, '6.1-amd64', 'aaa', 'one')]),
	)}\n\nText`;
	const lines = (...results: [string, Result][]) =>
		tableText(checks, [first, second], new Map(results), standingTable(before)).split('\n').slice(2);
	expect(lines(of(first, '5.10.0-46-amd64', 'bbb', 'new'))).toEqual([
		'| kernel | 5.10.0-46 | 6.1 |',
		'| commit | aaa, bbb | aaa |',
		'| `one` | yes | yes |',
		'| `two` | yes | ? |',
		'| `new` | yes | ? |',
	]);
	// another kernel: its earlier results say nothing of this one
	expect(lines(of(first, '5.10.0-47-amd64', 'bbb', 'one'))).toEqual([
		'| kernel | 5.10.0-47 | 6.1 |',
		'| commit | bbb | aaa |',
		'| `one` | yes | yes |',
		'| `two` | ? | ? |',
		'| `new` | ? | ? |',
	]);
	// all ran again: the earlier commit has no cell left
	expect(lines(of(first, '5.10.0-46-amd64', 'bbb', 'one', 'two'))[1]).toBe('| commit | bbb | aaa |');
	expect(standingTable('no table').size).toBe(0);
});

test('machines have names of their own, and every one has checks', async () => {
	expect(new Set(machines.map(({ name }) => name)).size).toBe(machines.length);
	const checks = [...(await loadChecks()).values()];
	for (const machine of machines)
		expect(checks.filter(({ on }) => on(machine)).length, machine.name).toBeGreaterThan(3);
	expect(machines.filter(({ short }) => short).map(({ kernel }) => kernel)).toEqual(['5.10', '7.2']);
});

test('docs/matrix.md has every check and every machine', async () => {
	const checks = await loadChecks();
	const document = readFileSync('docs/matrix.md', 'utf8');
	expect(document).toContain(checksText(checks));
	expect(document).toContain(`| check | ${machines.map(({ name }) => name).join(' | ')} |`);
	for (const name of checks.keys()) expect(document).toMatch(new RegExp(`^\\| \`${name}\` \\|`, 'm'));
});

test('the first file system is an archive of aligned entries with its end', () => {
	const archive = initramfs('#!/bin/sh\n', process.execPath, []);
	expect(archive.length % 4).toBe(0);
	const names = archive.toString('latin1').match(/070701[0-9a-f]{104}[\w./!]+(?=\0)/g) ?? [];
	expect(names.map((header) => header.slice(110))).toEqual(
		expect.arrayContaining(['bin', 'dev/console', 'bin/busybox', 'init', 'modules/order', 'TRAILER!!!']),
	);
});

test('a guest whose clock jumps is noted', () => {
	expect(clockNote(8.6, 10)).toEqual([]);
	expect(clockNote(70, 60)).toEqual([]);
	expect(clockNote(1061.04, 9)).toEqual(["by the guest's clock it took 1061.0 s"]);
});
