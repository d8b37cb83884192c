/**
 * Symbols by build-id from debuginfod servers. Only where the user names one: a request says which programs run here. Answers are
 * kept in a folder of root's own. They are checked like any other file of others, and nothing of them is executed.
 */
import { closeSync, constants, createWriteStream, fstatSync, openSync } from 'node:fs';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { makeOwnFolder } from '../core/own-folder.ts';
import type { Bytes, Count } from '../lib/units.ts';
import { debuginfodUrls, isAllowed } from './debuginfod-urls.ts';
import { FileBytes } from './elf.ts';
import { isBuildId, tableIn } from './symbol-file.ts';
import type { SymbolTable } from './table.ts';

/** Of one answer. Debug information of a large browser has 1 GiB; what is larger is refused. */
const MAX_ANSWER: Bytes = 512 << 20;
/** Of the folder; the files used longest ago go first. */
const MAX_FOLDER: Bytes = 2 * 2 ** 30;
/** Files that are asked for in one profile. */
const MAX_ASKED = 256;
/** At the same time. */
const PARALLEL = 4;
/** ms for an answer to begin, and until it must be complete. */
const BEGIN = 10_000;
const COMPLETE = 120_000;
const MAX_REDIRECTS = 3;

/** Kept answers. */
export const DEBUGINFOD_FOLDER = '/var/cache/wattlag/debuginfod';

export interface ServerCounts {
	/** Files whose symbols were asked for, found (also kept ones), and the bytes that came. */
	asked: Count;
	found: Count;
	/** Answers that are no file of this build-id, or too large; servers that failed. */
	failed: Count;
	bytes: Bytes;
}

export class Debuginfod {
	readonly counts: ServerCounts = { asked: 0, found: 0, failed: 0, bytes: 0 };
	/** Why the last failure was; empty: none. */
	failure = '';
	private readonly urls: readonly URL[];
	private readonly folder: string;
	private readonly asked = new Map<string, Promise<SymbolTable | undefined>>();
	private running = 0;
	private readonly waiting: (() => void)[] = [];

	/** @param text addresses that have been checked */
	constructor(text: string, folder: string) {
		const urls = debuginfodUrls(text);
		if (typeof urls === 'string') throw new Error(urls);
		this.urls = urls;
		this.folder = folder;
	}

	/** Symbols of a build; undefined: no server has them. Never rejects. */
	tableOf(buildId: string): Promise<SymbolTable | undefined> {
		if (!isBuildId(buildId)) return Promise.resolve(undefined);
		const known = this.asked.get(buildId);
		if (known) return known;
		if (this.asked.size >= MAX_ASKED) return Promise.resolve(undefined);
		this.counts.asked++;
		const work = this.find(buildId).catch((error: Error) => {
			this.counts.failed++;
			this.failure = error.message;
			return undefined;
		});
		this.asked.set(buildId, work);
		return work;
	}

	private async find(buildId: string): Promise<SymbolTable | undefined> {
		await this.turn();
		try {
			await makeOwnFolder(this.folder, 'remove it');
			const path = join(this.folder, `${buildId}.debug`);
			const kept = await this.read(path, buildId);
			if (kept) return kept;
			let failure: unknown;
			for (const url of this.urls) {
				try {
					const table = await this.fetched(url, path, buildId);
					if (table) return table;
				} catch (error) {
					// another server may have it
					failure = error;
				}
			}
			if (failure !== undefined) throw failure;
			return undefined;
		} finally {
			this.running--;
			this.waiting.shift()?.();
		}
	}

	private async turn(): Promise<void> {
		while (this.running >= PARALLEL) await new Promise<void>((resolve) => this.waiting.push(resolve));
		this.running++;
	}

	/** Of one server; undefined: it has none. Rejects where it fails, or sends something else. */
	private async fetched(url: URL, path: string, buildId: string): Promise<SymbolTable | undefined> {
		if (!(await this.download(new URL(`buildid/${buildId}/debuginfo`, url), path))) return undefined;
		const table = await this.read(path, buildId);
		if (table) return table;
		await rm(path, { force: true });
		throw new Error(`${url.host} sent a file of another build, or without symbols`);
	}

	/** Of a kept file; undefined: there is none, or not one that can be used. */
	private async read(path: string, buildId: string): Promise<SymbolTable | undefined> {
		let fd = -1;
		try {
			fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
			const file = fstatSync(fd);
			if (!file.isFile() || file.uid !== process.geteuid?.()) return undefined;
			const table = tableIn(new FileBytes(fd, file.size), buildId);
			if (!table) return undefined;
			this.counts.found++;
			const now = new Date();
			await utimes(path, now, now).catch(() => {});
			return table;
		} catch {
			return undefined;
		} finally {
			if (fd >= 0) closeSync(fd);
		}
	}

	/** false: the server has none. Rejects where it fails or the answer is too large. */
	private async download(url: URL, path: string): Promise<boolean> {
		const answer = await this.request(url);
		if (answer.status === 404) {
			await answer.body?.cancel();
			return false;
		}
		if (answer.status !== 200 || !answer.body) throw new Error(`${url.host} answered ${answer.status}`);
		await this.makeRoom();
		const part = `${path}.${process.pid}.part`;
		let bytes = 0;
		const { counts } = this;
		try {
			const [{ Readable }, { pipeline }] = await Promise.all([import('node:stream'), import('node:stream/promises')]);
			await pipeline(
				Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]),
				async function* (chunks: AsyncIterable<Uint8Array>) {
					for await (const chunk of chunks) {
						bytes += chunk.length;
						counts.bytes += chunk.length;
						if (bytes > MAX_ANSWER) throw new Error(`${url.host} sent more than ${MAX_ANSWER >> 20} MiB for one file`);
						yield chunk;
					}
				},
				createWriteStream(part, { flags: 'wx', mode: 0o600 }),
			);
			await rename(part, path);
			return true;
		} catch (error) {
			await rm(part, { force: true });
			throw error;
		}
	}

	/** Follows redirects, each to an address that is allowed. */
	private async request(url: URL): Promise<Response> {
		const complete = AbortSignal.timeout(COMPLETE);
		for (let [to, turns] = [url, 0]; turns <= MAX_REDIRECTS; turns++) {
			const begin = new AbortController();
			const timer = setTimeout(
				() => begin.abort(new Error(`${to.host} did not answer within ${BEGIN / 1000} s`)),
				BEGIN,
			);
			try {
				const answer = await globalThis.fetch(to, {
					redirect: 'manual',
					signal: AbortSignal.any([begin.signal, complete]),
					headers: { 'user-agent': 'wattlag' },
				});
				const next = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null;
				if (next === null) return answer;
				await answer.body?.cancel();
				to = new URL(next, to);
				if (!isAllowed(to)) throw new Error(`${url.host} redirects to an address that is not https`);
			} finally {
				clearTimeout(timer);
			}
		}
		throw new Error(`${url.host} redirects without end`);
	}

	/** Remove the files used longest ago, so that another one has room. */
	private async makeRoom(): Promise<void> {
		const files: { path: string; size: number; used: number }[] = [];
		for (const name of await readdir(this.folder)) {
			const path = join(this.folder, name);
			const found = await stat(path).catch(() => undefined);
			if (found) files.push({ path, size: found.size, used: found.mtimeMs });
		}
		let size = files.reduce((sum, one) => sum + one.size, 0);
		for (const file of files.sort((a, b) => a.used - b.used)) {
			if (size <= MAX_FOLDER - MAX_ANSWER) return;
			await rm(file.path, { force: true });
			size -= file.size;
		}
	}
}
