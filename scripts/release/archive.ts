/** The tree as an archive to unpack anywhere: bin/wattlag finds lib/wattlag beside its folder. */
import { readFileSync, writeFileSync } from 'node:fs';
import { runBytes } from '../exec.ts';
import type { Effort } from './effort.ts';
import { type Entry, tar } from './tar.ts';

/** xz with one thread: with several, blocks and so bytes would depend on the number of CPUs. */
export function xz(bytes: Buffer, { xz: level }: Effort): Buffer {
	return runBytes('xz', [`-${level}`, '-T1', '--check=crc32', '-c'], { input: bytes });
}

export interface Installation {
	/** Path of the launcher. */
	launcher: string;
	/** Relative to lib/wattlag. */
	tree: readonly Entry[];
	/** Relative to share/: manual, completions. */
	shared: readonly Entry[];
}

/** All files of an installation, relative to its prefix. */
export function installation({ launcher, tree, shared }: Installation): Entry[] {
	return [
		{ path: 'bin/wattlag', mode: 0o755, contents: readFileSync(launcher) },
		...tree.map((entry) => ({ ...entry, path: `lib/wattlag/${entry.path}` })),
		...shared.map((entry) => ({ ...entry, path: `share/${entry.path}` })),
	];
}

export interface ArchiveSettings {
	entries: readonly Entry[];
	/** Name of the folder that everything is in. */
	folder: string;
	effort: Effort;
	/** Time of all entries since 1970. */
	seconds: number;
	output: string;
}

export function buildArchive({ entries, folder, effort, seconds, output }: ArchiveSettings): void {
	const files = entries.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` }));
	writeFileSync(output, xz(tar(files, seconds), effort));
}
