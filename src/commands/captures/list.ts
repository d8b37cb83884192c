/** Captures as a table and as JSON. */
import { statSync } from 'node:fs';
import { formatBytes } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { fitCells } from '../../lib/width.ts';
import { CAPTURES, type Listed } from '../../recording/capture.ts';
import { recordingFolder } from '../../recording/write.ts';

export interface Found extends Listed {
	/** Folder. */
	path: string;
}

function isFolder(path: string): boolean {
	try {
		return statSync(path).isDirectory();
	} catch {
		return false;
	}
}

/** The user's, the captures of a recorder there, or those of the machine and of the user. */
export function captureFolders(argument: string): string[] {
	if (argument !== '') return [isFolder(`${argument}/${CAPTURES}`) ? `${argument}/${CAPTURES}` : argument];
	const machine = `/var/lib/wattlag/${CAPTURES}`;
	try {
		return [machine, `${recordingFolder()}/${CAPTURES}`];
	} catch {
		return [machine];
	}
}

/** An object a line. */
export function capturesJson(all: readonly Found[]): string {
	return all
		.map(({ name, path, bytes, manifest, problem }) => {
			const { cause, from, to, written, host, kernel, redacted, files } = manifest ?? {};
			const facts = { cause, from, to, written, host, kernel, redacted, files: files && Object.keys(files) };
			return `${JSON.stringify({ schema: 1, path: `${path}/${name}`, bytes, problem: problem ?? null, ...facts })}\n`;
		})
		.join('');
}

export function capturesTable(all: readonly Found[], folders: readonly string[]): string {
	if (all.length === 0) return `no captures in ${folders.map((path) => sanitize(path)).join(' and ')}\n`;
	const line = (cells: readonly string[]) =>
		`${fitCells(cells[0] ?? '', 20, 'left')} ${fitCells(cells[1] ?? '', 7, 'right')}  ${cells.slice(2).join('  ')}`.trimEnd();
	return `${[
		line(['WRITTEN', 'SIZE', 'FILE', 'CAUSE']),
		...all.map(({ name, path, bytes, manifest, problem }) =>
			line([
				manifest?.written.replace(/\.\d+Z$/, 'Z') ?? '?',
				formatBytes(bytes),
				sanitize(`${path}/${name}`),
				problem ?? `${manifest?.cause ?? ''}${manifest?.redacted ? ' (redacted)' : ''}`,
			]),
		),
	].join('\n')}\n`;
}
