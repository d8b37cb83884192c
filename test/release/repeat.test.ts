/** Two builds from two folders are the same, byte for byte. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { folder } from './artifacts.ts';

const other = resolve('build/release/again/at/another/depth');
afterAll(() => rmSync('build/release/again', { recursive: true, force: true }));

const git = (...words: string[]): string[] =>
	execFileSync('git', words, { encoding: 'utf8' }).split('\0').filter(Boolean);

test('every artifact is the same from another folder', () => {
	rmSync('build/release/again', { recursive: true, force: true });
	mkdirSync(dirname(other), { recursive: true });
	execFileSync('git', ['clone', '--quiet', '.', other]);
	for (const path of git('ls-files', '-z', '--modified', '--others', '--exclude-standard')) {
		mkdirSync(dirname(join(other, path)), { recursive: true });
		copyFileSync(path, join(other, path));
	}
	// no symbolic link: paths of packages would be those of this folder
	execFileSync('cp', ['-al', 'node_modules', join(other, 'node_modules')]);
	const run = (...words: string[]): void => {
		execFileSync(process.execPath, ['--no-warnings', ...words], { cwd: other, stdio: ['ignore', 'ignore', 'inherit'] });
	};
	run('scripts/build.ts', '--no-bundle');
	// what was fetched and compressed is kept by its contents
	const effort = process.env['WATTLAG_RELEASE_QUICK'] === '1' ? ['--quick'] : [];
	run('scripts/release.ts', ...effort, '--cache', resolve('build/release/cache'));
	const built = (path: string): string[] =>
		readdirSync(path)
			.filter((name) => /^(wattlag|SHA256SUMS)/.test(name))
			.sort();
	const again = join(other, 'build/release');
	expect(built(again)).toEqual(built(folder));
	const different = built(folder).filter(
		(name) => !readFileSync(join(folder, name)).equals(readFileSync(join(again, name))),
	);
	expect(different).toEqual([]);
}, 1_800_000);
