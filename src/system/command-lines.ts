/** Full command lines with secrets masked, from `/proc`, read while they are displayed and within a budget. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { redactArguments } from '../lib/redact.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Bytes, Ns } from '../lib/units.ts';
import { type ProcessId, sameStart, startOf, statFields } from './process-id.ts';

/** Most bytes read of a command line; some have megabytes. */
export const COMMAND_BYTES: Bytes = 4096;
/** Processes kept, and characters of their lines together; the oldest go first. */
const MOST = 40_000;
const MOST_TEXT = 2 ** 21;
/** Reads of an interval that no budget refuses: on a machine whose CPUs are all busy, time passes without any. */
const LEAST = 32;
/** A process may change its title (setproctitle): read again after so long, ms. */
const AGAIN = 5000;

/** The arguments in a file `cmdline`: ended by NUL; a title that a process wrote over them may have none. */
export function argumentsOf(bytes: Uint8Array): string[] {
	let end = bytes.length;
	while (end > 0 && bytes[end - 1] === 0) end--;
	const args: string[] = [];
	for (let at = 0; at < end; ) {
		const stop = bytes.indexOf(0, at);
		const to = stop < 0 || stop > end ? end : stop;
		args.push(sanitize(bytes.subarray(at, to)));
		at = to + 1;
	}
	return args;
}

/** As one text, secrets masked; for a process without arguments its name in brackets. */
export function commandText(bytes: Uint8Array, comm: SafeText): SafeText {
	if (bytes.length === 0) return safe`[${comm}]`;
	const text = redactArguments(argumentsOf(bytes)).join(' ');
	return (bytes.length < COMMAND_BYTES ? text : `${text}…`) as SafeText;
}

/** Longest program that is named. */
const PROGRAM = 40;
/** Flags of Node.js whose value is a module that is loaded before the program. */
const LOADS: ReadonlySet<string> = new Set([
	'-r',
	'--require',
	'--import',
	'--loader',
	'--experimental-loader',
	'-C',
	'--conditions',
]);
const baseName = (path: string): string => path.replace(/^.*\//, '');

/** `node server.js`: the program and its first argument that is no flag, secrets masked; empty: not known. */
export function programText(bytes: Uint8Array): SafeText {
	const [program = '', ...others] = redactArguments(argumentsOf(bytes));
	const argument = others.find((one, at) => !one.startsWith('-') && !LOADS.has(others[at - 1] ?? '')) ?? '';
	return sanitize([program, argument].map(baseName).join(' ').trim().slice(0, PROGRAM));
}

interface Known {
	text: SafeText;
	comm: SafeText;
	/** `performance.now()` of the read. */
	at: number;
}

/** A bounded cache of lines, with a budget of time for each interval. */
export class CommandLines {
	private readonly procRoot: string;
	private readonly again: number;
	private readonly known = new Map<string, Known>();
	/** Characters of all texts. */
	private length = 0;
	private readonly buffer = new Uint8Array(COMMAND_BYTES);
	private readonly mostText: number;
	private until = Number.NEGATIVE_INFINITY;
	private left = 0;

	/** @param again a line is read again after so long, ms @param mostText characters of all lines that are kept */
	constructor(procRoot: string, again = AGAIN, mostText = MOST_TEXT) {
		this.mostText = mostText;
		this.again = again;
		this.procRoot = procRoot;
	}

	/** Begins an interval, in which reads may take so long, at least {@link LEAST} of them; further ones wait for the next. */
	begin(budget: Ns): void {
		this.left = LEAST;
		this.until = performance.now() + budget / 1e6;
	}

	/** Empty: not read yet, or ended before. */
	of(process: ProcessId, comm: SafeText): SafeText {
		const key = `${process.pid}:${process.start}`;
		const known = this.known.get(key);
		const now = performance.now();
		if (known && known.comm === comm && now - known.at < this.again) return known.text;
		if (now >= this.until && this.left <= 0) return known?.text ?? safe``;
		this.left--;
		const text = this.read(process, comm) ?? known?.text;
		if (text === undefined) return safe``;
		this.forget(key);
		this.known.set(key, { text, comm, at: now });
		this.length += text.length;
		while (this.known.size > MOST || this.length > this.mostText) this.forget(this.known.keys().next().value as string);
		return text;
	}

	/** As {@link programText}; empty: it has ended. Not within the budget: for the few processes of findings. */
	programOf({ pid, start }: ProcessId): SafeText {
		return this.bytesOf({ pid, start }, programText) ?? safe``;
	}

	/** Lines that are kept. */
	get size(): number {
		return this.known.size;
	}

	private forget(key: string): void {
		this.length -= this.known.get(key)?.text.length ?? 0;
		this.known.delete(key);
	}

	/** undefined: it has ended. */
	private read(process: ProcessId, comm: SafeText): SafeText | undefined {
		return this.bytesOf(process, (bytes) => commandText(bytes, comm));
	}

	private bytesOf({ pid, start }: ProcessId, text: (bytes: Uint8Array) => SafeText): SafeText | undefined {
		const folder = join(this.procRoot, String(pid));
		try {
			const file = openSync(join(folder, 'cmdline'), 'r');
			try {
				const bytes = readSync(file, this.buffer, 0, COMMAND_BYTES, 0);
				// the pid may be another process's by now
				if (!sameStart(startOf(statFields(readFileSync(join(folder, 'stat'), 'utf8'))), start)) return undefined;
				return text(this.buffer.subarray(0, bytes));
			} finally {
				closeSync(file);
			}
		} catch {
			return undefined;
		}
	}
}
