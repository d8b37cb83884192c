/** `wattlag export live`: scheduling slices of the running machine as tracks of a trace. */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { leashed } from './leftovers.ts';

interface ChromeEvent {
	ph: string;
	name: string;
	pid: number;
	tid: number;
	ts: number;
	dur: number;
	args: { name?: string; pid?: number; tid?: number };
}

test('a track for each CPU: turns do not overlap, and those of a pinned hog are on its CPU', () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-slices-'));
	onTestFinished(() => rmSync(folder, { recursive: true }));
	// a name that no other process has
	const shell = join(folder, 'wl-slices');
	copyFileSync('/bin/sh', shell);
	const hog = spawn(...leashed('timeout', '60', 'taskset', '-c', '0', shell, '-c', 'while :; do :; done'));
	onTestFinished(() => void hog.kill());
	const out = join(folder, 'trace.json');
	execFileSync(
		'bin/wattlag',
		['export', 'live', '--tabs', 'energy', '--format', 'chrome', '--duration', '1.5', '--delay', '0.5', '--out', out],
		{ stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 },
	);
	const { traceEvents } = JSON.parse(readFileSync(out, 'utf8')) as { traceEvents: ChromeEvent[] };
	const group = traceEvents.find(({ name, args }) => name === 'process_name' && args.name === 'Scheduling')?.pid;
	const names = new Map(
		traceEvents
			.filter(({ pid, name }) => pid === group && name === 'thread_name')
			.map(({ tid, args }) => [tid, args.name]),
	);
	const turns = traceEvents.filter(({ ph, pid }) => ph === 'X' && pid === group);
	expect(turns.length).toBeGreaterThan(10);
	for (const track of names.keys()) {
		const on = turns.filter(({ tid }) => tid === track).sort((a, b) => a.ts - b.ts);
		for (const [index, { ts }] of on.entries()) {
			const before = on[index - 1];
			// µs in a number: a millionth is rounding
			if (before) expect(ts).toBeGreaterThanOrEqual(before.ts + before.dur - 0.01);
		}
	}
	const hogs = turns.filter(({ name }) => name === 'wl-slices');
	expect(Math.max(...hogs.map(({ dur }) => dur))).toBeGreaterThan(500);
	expect(new Set(hogs.map(({ tid }) => names.get(tid)))).toEqual(new Set(['cpu 0']));
});
