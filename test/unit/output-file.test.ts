import { execFileSync } from 'node:child_process';
import {
	chmodSync,
	chownSync,
	linkSync,
	lstatSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fillOutputFile, openOutputFile } from '../../src/commands/output-file.ts';
import { UsageError } from '../../src/core/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-output-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const write = async (path: string, text: string) =>
	fillOutputFile('output', path, await openOutputFile('output', path), [text]);
const asRoot = process.geteuid?.() === 0;
const NOBODY = 65534;

test('a new file is for its owner only; one that is there is replaced', async () => {
	await write(at('new'), 'a long text');
	expect(lstatSync(at('new')).mode & 0o777).toBe(0o600);
	await write(at('new'), 'short');
	expect(readFileSync(at('new'), 'utf8')).toBe('short');
});

test('a link of the user is followed where nobody else can exchange it', async () => {
	symlinkSync(at('target'), at('link'));
	await write(at('link'), 'through');
	expect(readFileSync(at('target'), 'utf8')).toBe('through');
});

test('a device is written as it is; a full one, and a pipe that nobody reads, are one line', async () => {
	await write('/dev/null', 'text');
	await expect(write('/dev/full', 'text')).rejects.toThrow(/^--output \/dev\/full: no space left on device$/);
	execFileSync('mkfifo', [at('pipe')]);
	await expect(openOutputFile('output', at('pipe'))).rejects.toThrow(UsageError);
	await expect(openOutputFile('output', at('none/file'))).rejects.toThrow(/no such file or directory/);
	await expect(openOutputFile('output', folder)).rejects.toThrow(/directory/);
});

describe.runIf(asRoot)('root in a folder that all may write', () => {
	test('neither follows nor fills what another user has planted', async () => {
		chmodSync(folder, 0o777);
		writeFileSync(at('secret'), 'secret');
		symlinkSync(at('secret'), at('planted'));
		await expect(openOutputFile('output', at('planted'))).rejects.toThrow(/symbolic link that others may change/);
		linkSync(at('secret'), at('second'));
		await expect(openOutputFile('output', at('second'))).rejects.toThrow(/hard link/);
		writeFileSync(at('theirs'), 'theirs', { mode: 0o666 });
		chownSync(at('theirs'), NOBODY, NOBODY);
		await expect(openOutputFile('output', at('theirs'))).rejects.toThrow(/belongs to another user/);
		execFileSync('mkfifo', [at('their-pipe')]);
		chownSync(at('their-pipe'), NOBODY, NOBODY);
		await expect(openOutputFile('output', at('their-pipe'))).rejects.toThrow(UsageError);
		expect(readFileSync(at('secret'), 'utf8')).toBe('secret');
		expect(readFileSync(at('theirs'), 'utf8')).toBe('theirs');
	});
});
