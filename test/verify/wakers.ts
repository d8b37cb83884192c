/**
 * What ends idle periods at rest, beside the kernel's own trace of the same switches and wake-ups: the processes that CPUs
 * were woken for, and those that woke a CPU from another one. A pipe between two CPUs is the one waker that is known.
 * Some sandboxes keep what the idle task of a CPU does from perf and ftrace, and count nothing as lost. A switch to the idle
 * task followed by the switch away from another one shows such a wake-up all the same, which perf's own counts cannot.
 * Where they keep what process 1 does as well, a task that ran after it seems to have been woken for: a tenth of the few
 * wake-ups of a kernel thread that follows process 1. So two more loads sleep and wake often enough to be among the five.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNs } from '../../src/lib/clock.ts';
import type { WakeCauseField } from '../../src/tracers/energy/rest/rest.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { realHost, seconds } from '../truth/host.ts';
import { atLatestAtExit, leashed } from '../truth/leftovers.ts';
import { type Check, check } from './check.ts';

const SECONDS = 20;
/** Wake-ups per second of the pipe's reader. */
const PIPE_HZ = 200;
/** Wake-ups per second of loads that only sleep. */
const STEADY_HZ = [60, 45];
/** Compared on each side. */
const GREATEST = 5;
/** At the edges of the interval, and of a waker whose wake-ups are few. */
const SLACK = 2;
const BUFFER_KB = 16_384;
const INSTANCES = '/sys/kernel/tracing/instances';

export interface Counted {
	/** Wake-ups of idle CPUs by the process that ran next. */
	ran: Map<number, number>;
	/** Of those, by the process that woke it from another CPU, outside of interrupts. */
	woke: Map<number, number>;
}

/** `comm-TID ( TGID) [CPU] FLAGS SECONDS.µs: EVENT: …`; the third flag is `.` outside of interrupts. */
const LINE = /-(\d+)\s+\(\s*([\d-]+)\)\s+\[(\d+)\]\s+..(.)\S*\s+(\d+)\.(\d+):\s+(\w+):\s+(.*)$/;

/** Switches from the idle task between two times, and the last wake-up before each. @param from ns, CLOCK_MONOTONIC */
function countSwitches(trace: string, from: number, to: number): Counted {
	const wakers = new Map<number, { by: number; cpu: string; task: boolean; at: number }>();
	const processes = new Map<number, number>();
	const threads = { ran: [] as number[], woke: [] as number[] };
	/** By CPU: the task since the last switch that was seen. */
	const running = new Map<string, number>();
	const left = new Map<number, number>();
	const wake = (cpu: string, next: number, at: number): void => {
		if (at < from || at >= to) return;
		threads.ran.push(next);
		const waker = wakers.get(next);
		// an earlier sleep's: the wake-up was by an interrupt that is not shown
		if (!waker || waker.at < (left.get(next) ?? 0)) return;
		if (waker.task && waker.by > 0 && waker.cpu !== cpu) threads.woke.push(waker.by);
	};
	for (const line of trace.split('\n')) {
		const [, tid = '', tgid, cpu = '', context, seconds, micros, event, about = ''] = LINE.exec(line) ?? [];
		// a thread that runs has events of its own, at the latest when it is switched away
		if (Number(tgid) > 0) processes.set(Number(tid), Number(tgid));
		const at = Number(seconds) * 1e9 + Number(micros) * 1e3;
		if (event === 'sched_waking' || event === 'sched_wakeup_new') {
			const woken = Number(/\bpid=(\d+)/.exec(about)?.[1]);
			wakers.set(woken, { by: Number(tid), cpu, task: context === '.', at });
			continue;
		}
		if (event !== 'sched_switch') continue;
		const [before, next] = ['prev', 'next'].map((side) =>
			Number(new RegExp(`\\b${side}_pid=(\\d+)`).exec(about)?.[1]),
		) as [number, number];
		if (before !== 0 && running.get(cpu) === 0) wake(cpu, before, at);
		if (before === 0) wake(cpu, next, at);
		left.set(before, at);
		running.set(cpu, next);
	}
	const counted: Counted = { ran: new Map(), woke: new Map() };
	for (const side of ['ran', 'woke'] as const) {
		for (const tid of threads[side]) {
			const process = processes.get(tid) ?? processOf(tid);
			counted[side].set(process, (counted[side].get(process) ?? 0) + 1);
		}
	}
	return counted;
}

/** ftrace forgets the processes of some threads. Of one that has ended the thread's number remains. */
function processOf(tid: number): number {
	try {
		return Number(/^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, 'utf8'))?.[1] ?? tid);
	} catch {
		return tid;
	}
}

/** An instance of ftrace of this process; closing it gives the trace. @throws where events were lost */
function openTrace(): { read(): string; close(): void } {
	const folder = `${INSTANCES}/wattlag-verify-${process.pid}`;
	mkdirSync(folder);
	const close = atLatestAtExit(() => rmdirSync(folder));
	const set = (file: string, value: string | number): void => writeFileSync(join(folder, file), `${value}`);
	const enable = (value: 0 | 1): void => {
		for (const event of ['sched_switch', 'sched_waking', 'sched_wakeup_new'])
			set(`events/sched/${event}/enable`, value);
	};
	try {
		set('trace_clock', 'mono');
		set('buffer_size_kb', BUFFER_KB);
		set('options/record-tgid', 1);
		enable(1);
	} catch (error) {
		close();
		throw error;
	}
	return {
		read() {
			enable(0);
			const trace = readFileSync(join(folder, 'trace'), 'utf8');
			const [, kept, written] = /entries-written: (\d+)\/(\d+)/.exec(trace) ?? [];
			if (kept === undefined || kept !== written) throw new Error(`ftrace kept ${kept} of ${written} events`);
			return trace;
		},
		close,
	};
}

const sum = (causes: readonly WakeCauseField[]): number => causes.reduce((all, { wakes }) => all + wakes, 0);

const greatest = (counts: ReadonlyMap<number, number>): [number, number][] =>
	[...counts].sort((a, b) => b[1] - a[1]).slice(0, GREATEST);

export async function wakers(): Promise<Check[]> {
	if (!existsSync(INSTANCES)) {
		process.stderr.write(`verify: no ftrace in ${INSTANCES}: wakers are not compared\n`);
		return [];
	}
	const session = energy.start(realHost(), { rest: true });
	const last = realHost().cpus - 1;
	const pipe = spawn(
		...leashed(
			'timeout',
			String(SECONDS + 10),
			'sh',
			'-c',
			`taskset -c 0 python3 -uc 'import time
while True: time.sleep(${1 / PIPE_HZ}); print(flush=True)' | taskset -c ${last} python3 -uc 'import sys
for line in sys.stdin: pass'`,
		),
		{ stdio: 'ignore' },
	);
	const steady = STEADY_HZ.map((hz) => {
		const script = `import time\nwhile True: time.sleep(${1 / hz})`;
		return spawn(...leashed('timeout', String(SECONDS + 10), 'python3', '-c', script), { stdio: 'ignore' });
	});
	try {
		const trace = openTrace();
		try {
			await seconds(2);
			session.read(1, 'process');
			const from = monotonicNs();
			await seconds(SECONDS);
			const { rest } = session.read(monotonicNs() - from, 'process').extra;
			const to = monotonicNs();
			if (!rest?.wakes) throw new Error(rest?.missing.join('; '));
			const { ran, woke } = countSwitches(trace.read(), from, to);
			const { causes } = rest.wakes;
			const name = (pid: number): string =>
				causes.find((one) => one.pid === pid)?.comm || (causes.find((one) => one.waker_pid === pid)?.cause ?? `${pid}`);
			const compare = (figure: string, side: 'pid' | 'waker_pid', pid: number, count: number): Check =>
				check(
					figure,
					'ftrace, `sched_switch` from the idle loop',
					'',
					{ ours: sum(causes.filter((one) => one[side] === pid)), least: count, most: count },
					{ bound: 0.02, slack: SLACK },
				);
			return [
				...greatest(ran).map(([pid, count], index) =>
					compare(`wake-ups at rest, process ${index + 1} (${name(pid)})`, 'pid', pid, count),
				),
				...greatest(woke)
					.slice(0, 1)
					.map(([pid, count]) =>
						compare(`wake-ups of an idle CPU by a process on another one (${name(pid)})`, 'waker_pid', pid, count),
					),
			];
		} finally {
			trace.close();
		}
	} finally {
		for (const load of [pipe, ...steady]) load.kill('SIGTERM');
		session.close();
	}
}
