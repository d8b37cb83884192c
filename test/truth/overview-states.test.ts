/**
 * Beside a busy build and sleepers that are moved while they fall asleep, no finding says of a task that it waits while
 * the list of tasks shows it asleep. WATTLAG_WATCH: seconds to watch for, unless 12.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test, vi } from 'vitest';
import { monotonicNs } from '../../src/lib/clock.ts';
import { leashed } from './leftovers.ts';
import type { Line } from './overview-lines.ts';
import { ownWaits, sleptThrough, type TaskState } from './own-waits.ts';
import { buildWorkloads, type Workloads } from './workload.ts';

const SECONDS = Number(process.env['WATTLAG_WATCH'] ?? 12);
/** s: a sleep of 5 s is checked in each of them, and is a false wait to the rule once it is 2 s old. */
const INTERVAL = 0.4;
/** As many sleeps begin in {@link SECONDS} as ten sleepers have in 40 s; each takes 2 to 12 ms of a CPU. */
const SLEEPERS = 34;
/** Of the program. */
const INTERVALS = Math.round(SECONDS / INTERVAL);
const EVERY_MS = 100;
/** The read that a line is made from is within this of its time. */
const NEAR_NS = 0.4e9;

vi.setConfig({ testTimeout: (3 * SECONDS + 120) * 1000 });

const children: ChildProcess[] = [];
let loads: Workloads | undefined;
afterEach(async () => {
	await Promise.all(
		children.splice(0).map((child) => {
			const ended = once(child, 'exit');
			child.kill('SIGKILL');
			return ended;
		}),
	);
	await loads?.stop();
	loads = undefined;
});

/** Four compilers at a time, of a file of the project. */
function build(): void {
	const loop = 'while :; do clang -O2 -Wall -I native -c native/terminal.c -o /dev/null 2>/dev/null; done';
	for (let i = 0; i < 4; i++)
		children.push(spawn(...leashed('sh', '-c', `exec 2>/dev/null; ${loop}`), { stdio: 'ignore' }));
}

interface States {
	at: number;
	tasks: Map<number, TaskState>;
}

test('no sleeping task is reported to starve', async () => {
	loads = buildWorkloads();
	const truth = ownWaits(false);
	const recent: States[] = [];
	const timer = setInterval(() => {
		recent.push({ at: monotonicNs(), tasks: truth.states() });
		if (recent.length > 60) recent.shift();
	}, EVERY_MS);
	try {
		build();
		loads.start(undefined, 'asleep', 4, SLEEPERS, 3 * SECONDS + 60, 5);
		const args = [
			'--batch',
			'--json',
			'--tab',
			'overview',
			'--delay',
			String(INTERVAL),
			'--iterations',
			String(INTERVALS),
		];
		const program = spawn('bin/wattlag', args, { stdio: ['ignore', 'pipe', 'inherit'] });
		children.push(program);
		let lines = 0;
		const starving: string[] = [];
		const contradicted: string[] = [];
		let unchecked = 0;
		for await (const text of createInterface({ input: program.stdout })) {
			const { findings, mono_ns } = JSON.parse(text) as Line;
			lines++;
			const near = recent.filter(({ at }) => Math.abs(at - mono_ns) < NEAR_NS);
			for (const { rule, subject, text: says } of findings) {
				if (rule !== 'starving') continue;
				starving.push(`${subject} ${says}`);
				const pid = Number(/\[(\d+)\]$/.exec(subject)?.[1]);
				const [first, last] = [near[0], near.at(-1)];
				if (!first || !last || first === last) {
					unchecked++;
					continue;
				}
				const threads = [...last.tasks.values()].filter(({ tgid }) => tgid === pid);
				// of a process with many threads one that waits is enough
				if (threads.length > 0 && threads.every(({ tid }) => sleptThrough(tid, first.tasks, last.tasks)))
					contradicted.push(`${subject} ${says}`);
			}
		}
		process.stderr.write(
			`${lines} intervals, ${starving.length} times starving, ${unchecked} without a list of tasks near: ${[...new Set(starving)].join('; ')}\n`,
		);
		expect(lines).toBe(INTERVALS);
		expect(unchecked).toBeLessThanOrEqual(starving.length / 4);
		expect(contradicted).toEqual([]);
	} finally {
		clearInterval(timer);
		truth.close();
	}
});
