/** Control groups (v1 or v2) whose memory grew while tasks stalled for memory. */

import { readdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { readLatin1 } from '../../lib/read-file.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Ns } from '../../lib/units.ts';
import { cgroupMount, v1Mount } from '../../system/cgroups.ts';
import type { MemoryGrowth } from './snapshot.ts';

/** Groups are read so often, and compared with their least size of so long ago at most. */
const EVERY_NS: Ns = 5e9;
const WINDOW_NS: Ns = 30e9;
/** Deeper groups belong to those above; more are not read. */
const DEPTH = 4;
const MOST = 256;
/** Least growth that is worth a word: part of the machine's memory. */
const LEAST = 0.01;
const LISTED = 5;

interface Sample {
	at: Ns;
	sizes: ReadonlyMap<string, Bytes>;
}

/** Growth of each group without that of the groups below it. */
export function ownGrowth(before: ReadonlyMap<string, Bytes>, now: ReadonlyMap<string, Bytes>): Map<string, Bytes> {
	const own = new Map<string, Bytes>();
	for (const [path, size] of now) own.set(path, size - (before.get(path) ?? 0));
	// deepest first: a parent loses what its child has grown by
	for (const path of [...now.keys()].sort((a, b) => b.split('/').length - a.split('/').length)) {
		if (path === '') continue;
		const parent = path.slice(0, path.lastIndexOf('/'));
		const grown = (now.get(path) as number) - (before.get(path) ?? 0);
		if (own.has(parent)) own.set(parent, (own.get(parent) as number) - grown);
	}
	return own;
}

export class MemoryGrowthReader {
	private readonly folder: string | undefined;
	private readonly file: string;
	private samples: Sample[] = [];

	constructor(procRoot: string) {
		const old = v1Mount(procRoot, 'memory');
		this.folder = (old ?? cgroupMount(procRoot))?.folder;
		this.file = old ? 'memory.usage_in_bytes' : 'memory.current';
	}

	/** Keep the sizes of now, every few seconds. */
	sample(now: Ns): void {
		const last = this.samples.at(-1);
		if (this.folder === undefined || (last && now - last.at < EVERY_NS)) return;
		this.samples = [...this.samples.filter(({ at }) => at >= now - WINDOW_NS), { at: now, sizes: this.sizes() }];
	}

	/** Since the oldest sample, most first; empty: none grew by 1 % of the memory. */
	growth(): MemoryGrowth[] {
		const [oldest] = this.samples;
		if (!oldest) return [];
		const all = totalmem();
		return [...ownGrowth(oldest.sizes, this.sizes())]
			.map(([path, bytes]) => ({ cgroup: sanitize(path === '' ? '/' : path), bytes, share: bytes / all }))
			.filter(({ share }) => share >= LEAST)
			.sort((a, b) => b.bytes - a.bytes)
			.slice(0, LISTED);
	}

	private sizes(): Map<string, Bytes> {
		const sizes = new Map<string, Bytes>();
		const walk = (path: string, depth: number): void => {
			if (sizes.size >= MOST) return;
			const folder = join(this.folder as string, path);
			try {
				sizes.set(path, Number(readLatin1(join(folder, this.file))));
			} catch {
				// the root of version 2 has no such file
			}
			if (depth === 0) return;
			try {
				for (const entry of readdirSync(folder, { withFileTypes: true }))
					if (entry.isDirectory()) walk(`${path}/${entry.name}`, depth - 1);
			} catch {
				// it has gone
			}
		};
		walk('', DEPTH);
		return sizes;
	}
}
