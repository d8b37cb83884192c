/** The captures of a host of the fleet by number: fetch one and open it, in the terminal that the fleet leaves free. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { systemReason, UsageError } from '../../core/errors.ts';
import { formatBytes } from '../../lib/format.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { fitCells } from '../../lib/width.ts';
import type { Context } from '../command.ts';
import { fetchCapture } from './captures.ts';
import { remoteWords } from './ssh.ts';

/** One line of `wattlag captures --json` there. */
export interface RemoteCapture {
	path: string;
	bytes: number;
	written: SafeText;
	cause: SafeText;
}

/** Of what a host may send, and of captures that are listed. */
const MOST_BYTES = 4 * 2 ** 20;
const MOST_CAPTURES = 200;

/** What a host answers is not trusted: lines that are no captures are left out. Newest first, as they come. */
export function parseCaptures(text: string): RemoteCapture[] {
	return text
		.split('\n')
		.flatMap((line): RemoteCapture[] => {
			try {
				const { path, bytes, written, cause } = JSON.parse(line) as Record<string, unknown>;
				// a path that needs no judgement: absolute, of one line
				if (typeof path !== 'string' || !/^\/[^\0\n]+$/.test(path)) return [];
				const word = (value: unknown): SafeText => sanitize(typeof value === 'string' ? value.slice(0, 300) : '');
				return [{ path, bytes: Number(bytes) || 0, written: word(written), cause: word(cause) }];
			} catch {
				return [];
			}
		})
		.slice(0, MOST_CAPTURES);
}

/** Name of the file here; undefined: a name that is not taken over from another host. */
export function localName(path: string): string | undefined {
	const name = basename(path);
	return /^[\w@+][\w.@:+-]{0,200}$/.test(name) ? name : undefined;
}

export function capturesMenu(host: string, all: readonly RemoteCapture[]): string {
	if (all.length === 0) return `no captures on ${sanitize(host)}\n`;
	return all
		.map(({ path, bytes, written, cause }, index) => {
			const time = written.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
			return `${String(index + 1).padStart(3)}  ${fitCells(time, 20, 'left')} ${fitCells(formatBytes(bytes), 7, 'right')}  ${sanitize(basename(path))}  ${cause}\n`;
		})
		.join('');
}

/** @throws {UsageError} what the command there said */
function listed({ line }: Context, host: string, signal: AbortSignal): Promise<RemoteCapture[]> {
	const [program, ...words] = remoteWords(line, host, ['captures', '--json']) as [string, ...string[]];
	const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], signal });
	let text = '';
	child.stdout.setEncoding('utf8').on('data', (piece: string) => {
		text += piece;
		// a host that sends without end is not listened to
		if (text.length > MOST_BYTES) child.kill('SIGKILL');
	});
	return new Promise((resolve, reject) => {
		child.on('error', (error) => reject(new UsageError(`--browse ${host}: ${systemReason(error)}`)));
		child.on('close', (code) =>
			code === 0
				? resolve(parseCaptures(text))
				: reject(
						new UsageError(
							`--browse ${host}: the list is not available (${code === null ? 'it was ended' : `exit code ${code}`})`,
						),
					),
		);
	});
}

export async function browseCaptures(context: Context, host: string): Promise<number> {
	const keys = createInterface({ input: process.stdin, output: process.stdout });
	let ended = false;
	// Ctrl-C is a key here: what another host takes its time for ends with it
	const stop = new AbortController();
	keys.once('close', () => {
		ended = true;
		stop.abort();
	});
	/** Empty at the end of the input too. */
	const ask = (question: SafeText): Promise<string> =>
		ended
			? Promise.resolve('')
			: Promise.race([keys.question(question), new Promise<string>((done) => keys.once('close', () => done('')))]);
	try {
		process.stdout.write(`captures of ${sanitize(host)}\n`);
		let all: RemoteCapture[];
		try {
			all = await listed(context, host, stop.signal);
		} catch (error) {
			process.stderr.write(`wattlag: ${(error as Error).message}\n`);
			await ask(safe`Enter: back `);
			return 2;
		}
		process.stdout.write(capturesMenu(host, all));
		for (;;) {
			const answer = await ask(all.length === 0 ? safe`Enter: back ` : safe`number: fetch and open it; Enter: back `);
			const chosen = all[Number(answer) - 1];
			if (answer.trim() === '') return 0;
			if (chosen === undefined) continue;
			const name = localName(chosen.path);
			if (name === undefined) {
				process.stdout.write('its name is not taken over: wattlag fleet --fetch HOST:PATH -o FILE\n');
				continue;
			}
			if (existsSync(name)) process.stdout.write(`${name} is here already\n`);
			else {
				try {
					await fetchCapture(context.line, { host, path: chosen.path }, name, { signal: stop.signal });
					process.stdout.write(`written: ${name}\n`);
				} catch (error) {
					process.stdout.write(`${(error as Error).message}\n`);
					continue;
				}
			}
			keys.pause();
			// this process waits: nothing of it reads keys meanwhile
			spawnSync(process.execPath, [...process.execArgv, process.argv[1] as string, 'replay', `./${name}`], {
				stdio: 'inherit',
			});
			keys.resume();
			process.stdout.write(capturesMenu(host, all));
		}
	} finally {
		keys.close();
	}
}
