/** Minutes of a recorder's folder as files of a bundle. */
import { closeSync, readFileSync } from 'node:fs';
import { MARKS } from '../../recording/archive.ts';
import { inBundle } from '../../recording/bundle.ts';
import type { Folder } from '../../recording/folder.ts';
import type { TarFile } from '../../recording/tar.ts';

function fileNamed(folder: Folder, name: string): Buffer | undefined {
	try {
		const fd = folder.openRead(name);
		try {
			return readFileSync(fd);
		} finally {
			closeSync(fd);
		}
	} catch {
		return undefined;
	}
}

/** Whole segments with frames from this time on, as measured, and the marks. @param from wall clock, ms */
export function minutesOf(folder: Folder, from: number): TarFile[] {
	const all = folder.segments().filter(({ tier }) => tier === 'seg');
	const segments = all.flatMap(({ name }, at) => {
		const next = all[at + 1];
		if (next && next.wall < from) return [];
		const bytes = fileNamed(folder, name);
		return bytes ? [{ name: inBundle(name), bytes }] : [];
	});
	const marks = fileNamed(folder, MARKS);
	return marks ? [...segments, { name: MARKS, bytes: marks }] : segments;
}
