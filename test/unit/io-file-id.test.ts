/** Files of a filter that have no requests are refused in a line, with what to use instead. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { Unavailable } from '../../src/core/errors.ts';
import { fileId } from '../../src/tracers/io/file-id.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

function refusal(path: string, directory = false, procRoot = '/proc'): string {
	try {
		const { inode } = fileId(path, directory, { procRoot, knowsSubvolumes: () => true });
		return `inode ${inode > 0n}`;
	} catch (error) {
		expect(error).toBeInstanceOf(Unavailable);
		const { message, fix } = error as Unavailable;
		return `${message}; ${fix}`;
	}
}

test.each([
	['/proc/stat', false, /^files on proc have no requests of a block device .*; filter by --pid/],
	['/proc', true, /^files on proc have no requests/],
	['/sys', true, /^files on sysfs have no requests/],
	['/dev/null', false, /^'\/dev\/null' is no regular file/],
	['/proc/stat/x', false, /^there is no file/],
	['/nowhere/at/all', false, /^there is no file/],
	['/proc/stat', true, /^'\/proc\/stat' is no directory; use --file/],
	['/proc', false, /^'\/proc' is a directory; use --directory/],
	[`/${'x'.repeat(5000)}`, false, /ENAMETOOLONG/],
])('%s (directory: %s)', (path, directory, words) => {
	expect(refusal(path, directory)).toMatch(words);
});

test('links in a circle, pipes; a regular file of a real disk is found', () => {
	tree.link('circle', 'circle');
	expect(refusal(tree.path('circle'))).toMatch(/cannot be looked up \(ELOOP\)/);
	execFileSync('mkfifo', [tree.path('pipe')]);
	expect(refusal(tree.path('pipe'))).toMatch(/is no regular file/);
	tree.set('file', 'text');
	// without proc there is no mount to judge by
	expect(refusal(tree.path('file'), false, '/nowhere')).toBe('inode true');
});
