/**
 * Real sequences of processes and services, recorded on a machine at work with what is true of them: the input of the rules about
 * progress, a line a second. `npm run triage-cases -- --record SECONDS` writes them anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import type { TimePart } from '../../src/tracers/overview/snapshot.ts';
import { PacketRates } from '../../src/tracers/overview/tasks/packets.ts';
import { limits, Progress, type ProgressRow } from '../../src/tracers/overview/tasks/progress.ts';
import { Services } from '../../src/tracers/overview/tasks/services.ts';
import { ThreadTime } from '../../src/tracers/overview/tasks/time.ts';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { realHost } from '../truth/host.ts';
import { type Postgres, start, stop } from './postgres.ts';
import { sleep } from './watch.ts';

const FILE = 'test/triage/recorded.txt';
const SECOND = 1e9;
/** Sequences that are kept, those with most work first, and how many of one name. */
const MOST = 24;
const OF_ONE_NAME = 2;

export interface RecordedSequence {
	name: string;
	/** What is true of it at some time, as read from its figures by a person; empty: nothing. */
	expected: readonly string[];
	/** A row a second; null: it did not live. */
	rows: readonly (ProgressRow | null)[];
}

/** `wakeups packets part=ms…` of one second; `-`: it did not live. Packets are `-` where they are not known. */
function lineOf(row: ProgressRow | null): string {
	if (!row) return '-';
	const parts = Object.entries(row.time_ns ?? {}).map(
		([part, ns]) => `${part.replaceAll(' ', '_')}=${Math.round(ns / 1e6)}`,
	);
	return [Math.round(row.wakeups ?? 0), row.packets == null ? '-' : Math.round(row.packets), ...parts].join(' ');
}

function rowOf(line: string, name: string): ProgressRow | null {
	if (line === '-') return null;
	const [wakeups = '0', packets = '-', ...parts] = line.split(' ');
	const time = parts.map((part) => part.split('=') as [string, string]);
	const time_ns = Object.fromEntries(
		time.map(([part, ms]) => [part.replaceAll('_', ' ') as TimePart, Number(ms) * 1e6]),
	);
	return {
		...{ pid: 7, start_time: SECOND, comm: sanitize(name.slice(0, 15)) ?? safe`x` },
		...{ wakeups: Number(wakeups), packets: packets === '-' ? null : Number(packets), time_ns },
	};
}

/** Sequences in the file: `# name` or `# name | kind` begins one, `*N` repeats the line before. */
export function recorded(): RecordedSequence[] {
	const sequences: { name: string; expected: string[]; rows: (ProgressRow | null)[] }[] = [];
	for (const line of readFileSync(FILE, 'utf8').split('\n')) {
		const last = sequences.at(-1);
		if (line.startsWith('# ')) {
			const [name = '', ...expected] = line.slice(2).split(' | ');
			sequences.push({ name, expected, rows: [] });
		} else if (!last || line === '') continue;
		else if (line.startsWith('*')) {
			const again = last.rows.at(-1) ?? null;
			for (let times = Number(line.slice(1)); times > 0; times--) last.rows.push(again);
		} else last.rows.push(rowOf(line, last.name));
	}
	return sequences;
}

/** Seconds with a line that is not true of the sequence. */
export function falseLines({ rows, expected }: RecordedSequence): { second: number; kind: string }[] {
	const progress = new Progress();
	return rows.flatMap((row, second) =>
		progress
			.update(row ? [row] : [], SECOND)
			.filter(({ kind }) => !expected.includes(kind))
			.map(({ kind }) => ({ second, kind: String(kind) })),
	);
}

function textOf({ name, rows }: Pick<RecordedSequence, 'name' | 'rows'>): string {
	const lines = [`# ${name}`];
	let again = 0;
	const repeat = () => {
		if (again > 0) lines.push(`*${again}`);
		again = 0;
	};
	let before = '';
	for (const row of rows) {
		const line = lineOf(row);
		if (line === before) again++;
		else {
			repeat();
			lines.push(line);
			before = line;
		}
	}
	repeat();
	return lines.join('\n');
}

const workOf = ({ wakeups, time_ns }: ProgressRow) =>
	(wakeups ?? 0) / limits.rate + (time_ns?.cpu ?? 0) / SECOND / limits.cpu;

/** Per second, whatever the interval was. */
function perSecond(row: ProgressRow, dt_ns: number): ProgressRow {
	const scale = SECOND / dt_ns;
	const time = Object.entries(row.time_ns ?? {}).map(([part, ns]) => [part, ns * scale]);
	return { ...row, wakeups: (row.wakeups ?? 0) * scale, time_ns: Object.fromEntries(time) };
}

/** Work that begins and ends as it should, beside what runs here anyway. */
async function work(postgres: Postgres, seconds: number): Promise<void> {
	const cron = start(['sh', '-c', 'while :; do find /usr/share -name "*.gz" >/dev/null; sleep 29; done'], seconds);
	const build =
		'for i in 1 2 3; do ls bpf/*/*.bpf.c | xargs -P 2 -I FILE clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -I bpf -c FILE -o /dev/null; sleep 20; done';
	const builds = start(['nice', 'sh', '-c', build], seconds);
	for (let at = 0; at < seconds; at += 60) {
		const clients = postgres.pgbench('-c', '6', '-j', '2', '-T', '35');
		await sleep(Math.min(60, seconds - at));
		await stop(clients);
	}
	await Promise.all([cron, builds].map(stop));
}

/** Records for so long, and writes the file. Resolves with a line about it. */
export async function recordSequences(postgres: Postgres, seconds: number): Promise<string> {
	const host = realHost();
	const walk = new TaskWalk(host);
	const time = new ThreadTime();
	const packets = new PacketRates();
	const services = new Services();
	await walk.ready;
	const found = new Map<string, { name: string; from: number; rows: (ProgressRow | null)[]; work: number }>();
	const keep = (key: string, name: string, second: number, row: ProgressRow) => {
		const known = found.get(key) ?? { name, from: second, rows: [], work: 0 };
		while (known.rows.length < second - known.from) known.rows.push(null);
		known.rows.push(row);
		known.work += workOf(row);
		found.set(key, known);
	};
	const working = work(postgres, seconds);
	let before = performance.now();
	for (let second = 0; second < seconds; second++) {
		await sleep(1);
		const processes = walk.read();
		const now = performance.now();
		const dt_ns = (now - before) * 1e6;
		before = now;
		if (second % 5 === 0) packets.take(walk.channels(), now * 1e6);
		const spent = time.take(processes.values(), dt_ns);
		const rows: (ProgressRow & { cgroup: ReturnType<typeof sanitize> })[] = [];
		for (const process of processes.values()) {
			const its = spent.get(process.pid) ?? (process.rests ? time.resting(process, dt_ns) : undefined);
			if (!its || process.pid === globalThis.process.pid) continue;
			const { pid, start: start_time, comm } = process;
			const base = { pid, start_time, comm, wakeups: its.wakeups, time_ns: its.parts };
			const row = { ...base, packets: packets.of(pid), cgroup: safe`/` };
			rows.push(row);
			keep(`${pid}:${start_time}`, comm, second, perSecond(row, dt_ns));
		}
		for (const row of services.sum(rows)) keep(row.comm, `${row.comm} (service)`, second, perSecond(row, dt_ns));
	}
	await working;
	walk.close();
	const names = new Map<string, number>();
	const kept = [...found.values()]
		.filter(({ rows }) => rows.length >= 30)
		.sort((a, b) => b.work - a.work)
		.filter(({ name }) => {
			const count = (names.get(name) ?? 0) + 1;
			names.set(name, count);
			return count <= OF_ONE_NAME;
		})
		.slice(0, MOST);
	const day = new Date().toISOString().slice(0, 10);
	const head = `Recorded on ${day}, Linux ${os.release()}, ${os.availableParallelism()} CPUs, ${seconds} s; see recorded.ts.`;
	writeFileSync(FILE, `${[head, ...kept.map(textOf)].join('\n')}\n`);
	return `${FILE}: ${kept.length} of ${found.size} sequences`;
}
