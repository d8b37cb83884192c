import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let folder: string;
const path = () => join(folder, 'log');
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'wattlag-debug-'));
	vi.resetModules();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A module without a log, as each thread has at first. */
const load = () => import('../../src/core/debug-log.ts');

test('without the option the text is not even made', async () => {
	const { debug } = await load();
	debug(() => {
		throw new Error('made');
	});
});

test('entries are appended to a private file, inert, each line of a text on its own', async () => {
	writeFileSync(path(), 'before\n');
	chmodSync(path(), 0o600);
	const { debug, openDebugLog } = await load();
	openDebugLog(path());
	debug(() => 'io: refused\nlibbpf: \u001b[31mred');
	const [first, second, third] = readFileSync(path(), 'utf8').split('\n');
	expect(first).toBe('before');
	expect(second).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z \w+ io: refused$/);
	expect(third).toMatch(/^ {4}libbpf: [^\u001b]+red$/);
});

test('a new file is for its owner only', async () => {
	const { openDebugLog } = await load();
	openDebugLog(path());
	expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test.each([
	['a symbolic link', () => symlinkSync('/etc/passwd', path()), /is a symbolic link/],
	['a pipe', () => execFileSync('mkfifo', [path()]), /no such device|is no file/],
	['a folder that is not there', () => rmSync(folder, { recursive: true }), /no such file or directory/],
])('%s is refused in one line', async (_, make, message) => {
	make();
	const { openDebugLog } = await load();
	expect(() => openDebugLog(path())).toThrow(message);
	execFileSync('mkdir', ['-p', folder]);
});

test('so is a terminal', async () => {
	const { openDebugLog } = await load();
	expect(() => openDebugLog('/dev/ptmx')).toThrow(/is no file/);
});

test.runIf(process.getuid?.() === 0)("so is another user's file", async () => {
	writeFileSync(path(), '');
	execFileSync('chown', ['4321', path()]);
	const { openDebugLog } = await load();
	expect(() => openDebugLog(path())).toThrow(/belongs to another user/);
});
