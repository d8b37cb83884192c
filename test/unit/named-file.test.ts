import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readPem } from '../../src/export/push/secrets.ts';
import { readHosts } from '../../src/fleet/ssh-source.ts';
import { readNamed } from '../../src/lib/named-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-named-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);

test('a file is read up to a byte more than its limit, a device without end too', () => {
	writeFileSync(join(folder, 'file'), 'abcdef');
	expect(readNamed(join(folder, 'file'), 6).toString()).toBe('abcdef');
	expect(readNamed(join(folder, 'file'), 3).toString()).toBe('abcd');
	expect(readNamed('/dev/zero', 10)).toHaveLength(11);
});

test('nobody waits for a named pipe: hosts, secrets, certificates', () => {
	expect(() => readNamed(pipe, 10)).toThrow('is a named pipe; give a file');
	expect(() => readHosts(pipe)).toThrow(`--hosts ${pipe}: is a named pipe`);
	expect(() => readPem('ca', pipe)).toThrow(`--ca ${pipe}: is a named pipe`);
	expect(() => readPem('ca', '/dev/zero')).toThrow('too large');
	expect(() => readHosts('/dev/zero')).toThrow('too large');
});
