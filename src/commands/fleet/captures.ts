/** Captures of a host of the fleet, through the same ssh: their list, and one of them as a file here. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemReason, UsageError } from '../../core/errors.ts';
import { formatBytes } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Bytes } from '../../lib/units.ts';
import type { CommandLine } from '../../options/command.ts';
import { remoteWords } from './ssh.ts';

/** replay reads no larger file: another host may send without end. */
const MOST_BYTES = 2 ** 30;
/** First bytes of a capture. */
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** A word as a POSIX shell takes it: ssh hands the words to the login shell there. */
export function quoted(word: string): string {
	return `'${word.replaceAll("'", "'\\''")}'`;
}

/** What a host writes, whatever that is, as inert text. Line by line would let a line without end fill the memory. */
export async function passOn(from: Readable, to: Pick<Writable, 'write'>): Promise<void> {
	from.setEncoding('utf8');
	for await (const piece of from) {
		const lines = (piece as string).split('\n').map((line) => sanitize(line));
		to.write(lines.join('\n'));
	}
}

/** Runs `wattlag captures` there, its output is ours. Resolves with its exit code. */
export function listCaptures(line: CommandLine, host: string): Promise<number> {
	const json = line.values['json'] === true ? ['--json'] : [];
	const [program, ...words] = remoteWords(line, host, ['captures', ...json]) as [string, ...string[]];
	const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
	return new Promise((resolve, reject) => {
		child.on('error', (error) => reject(new UsageError(`--captures ${host}: ${error.message}`)));
		const passed = Promise.all([passOn(child.stdout, process.stdout), passOn(child.stderr, process.stderr)]);
		child.on('close', (code) => void passed.then(() => resolve(code ?? 1), reject));
	});
}

/** @param text `HOST:PATH` @throws {UsageError} */
export function parseFetch(text: string): { host: string; path: string } {
	const [, host, path] = /^([^:]+|\[[^\]]+\]):(\/.+)$/.exec(text) ?? [];
	if (host === undefined || path === undefined || /[\0\n]/.test(path))
		throw new UsageError(`--fetch ${sanitize(text)}: write HOST:/path/of/the/capture, as --captures HOST lists it`);
	return { host, path };
}

/** Copies one file from there to a new file here, which only its owner may read. @throws {UsageError} */
export async function fetchCapture(
	line: CommandLine,
	{ host, path }: { host: string; path: string },
	to: string,
	{ most = MOST_BYTES, signal }: { most?: Bytes; signal?: AbortSignal } = {},
): Promise<void> {
	const { values } = line;
	const [program, ...words] = remoteWords({ values: { ...values, remote: 'cat' } }, host, ['--', quoted(path)]) as [string, ...string[]]; // biome-ignore format: one command
	const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
	const file = await open(to, flags, 0o600).catch((error: Error) => {
		throw new UsageError(`--output ${to}: ${systemReason(error)}`);
	});
	const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
	const said = passOn(child.stderr, process.stderr);
	const ended = new Promise<number>((resolve) => {
		child.on('error', () => resolve(127));
		child.on('close', (code) => resolve(code ?? 1));
	});
	const begin = Buffer.alloc(ZSTD.length);
	let length = 0;
	let endless = false;
	try {
		await pipeline(
			child.stdout,
			async function* (parts: AsyncIterable<Buffer>) {
				for await (const bytes of parts) {
					if (length < begin.length) bytes.copy(begin, length);
					length += bytes.length;
					// a file that is no capture is refused at its first bytes, and one beyond the limit is not kept
					if (length >= begin.length && !begin.equals(ZSTD)) return;
					endless = length > most;
					if (endless) return;
					yield bytes;
				}
			},
			file.createWriteStream(),
		);
	} catch (error) {
		child.kill('SIGKILL');
		await rm(to, { force: true });
		throw new UsageError(`--output ${to}: ${systemReason(error)}`);
	}
	child.stdout.destroy();
	const code = await ended;
	await said;
	if (code === 0 && begin.equals(ZSTD) && !endless) return;
	await rm(to, { force: true });
	const isOther = length >= begin.length && !begin.equals(ZSTD);
	const why = endless
		? `larger than ${formatBytes(most).trim()}, which no capture is`
		: isOther || code === 0
			? 'it is no capture'
			: `not copied (exit code ${code})`;
	throw new UsageError(`--fetch ${host}:${sanitize(path)}: ${why}`);
}
