/** What tests start ends with them (test/setup): whatever a process does to its parent, session or standard streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { killMarked, MARK, marked } from '../setup/marked.ts';

const own = `test-${process.pid}`;
const isOurs = ({ mark }: { mark: string }): boolean => mark.startsWith(own);

/** One that starts another and ends, and one that ignores what it can. */
async function start(mark: string): Promise<void> {
	const env = { ...process.env, [MARK]: mark };
	const parent = spawn('sh', ['-c', 'setsid sleep 100 & exit'], { env, stdio: 'ignore', detached: true });
	const stubborn = spawn('sh', ['-c', 'trap "" HUP INT TERM; while :; do sleep 100; done'], { env, stdio: 'ignore' });
	onTestFinished(() => void stubborn.kill('SIGKILL'));
	await once(parent, 'exit');
	await vi.waitFor(() => expect(marked().filter((one) => one.mark === mark).length).toBeGreaterThanOrEqual(3));
}

test('killed are orphans and whatever ignores signals, and only what is meant', async () => {
	await start(`${own}:1`);
	await start(`${own}:2`);
	await killMarked(({ mark }) => mark === `${own}:1`);
	expect(
		new Set(
			marked()
				.filter(isOurs)
				.map(({ mark }) => mark),
		),
	).toEqual(new Set([`${own}:2`]));
	await killMarked(isOurs);
	expect(marked().filter(isOurs)).toEqual([]);
});

/** Command line of each process, its words ended by NUL. */
function readArguments(): [pid: number, text: string][] {
	return readdirSync('/proc').flatMap((name): [number, string][] => {
		try {
			return Number(name) > 0 ? [[Number(name), readFileSync(`/proc/${name}/cmdline`, 'latin1')]] : [];
		} catch {
			// it has ended
			return [];
		}
	});
}

/** A run with a watchdog, which may end in any way. */
function run(): ChildProcess {
	const code = "process.stdin.resume(); (await import('./test/setup/run.ts')).default();";
	const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', code], {
		stdio: ['pipe', 'ignore', 'inherit'],
	});
	onTestFinished(() => void child.kill('SIGKILL'));
	return child;
}

test('a run that is killed takes along what it has started', async () => {
	const child = run();
	const isWatchdog = (text: string): boolean => text.includes(`watchdog.ts\0${child.pid}-`);
	const watchdog = await vi.waitFor(() => {
		const found = readArguments().find(([, text]) => isWatchdog(text));
		expect(found).toBeDefined();
		return found as [pid: number, text: string];
	}, 10_000);
	const mark = watchdog[1].split('\0').find((word) => word.startsWith(`${child.pid}-`)) as string;
	await start(`${mark}:77`);
	child.kill('SIGKILL');
	await vi.waitFor(() => {
		expect(marked().filter((one) => one.mark.startsWith(mark))).toEqual([]);
		expect(readArguments().some(([, text]) => isWatchdog(text))).toBe(false);
	}, 10_000);
});
