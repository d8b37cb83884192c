/** A recording on a full disk: it is reported, nothing is left behind, and the program goes on. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { TerminalRun } from './terminal.ts';

let folder: string;
let run: TerminalRun | undefined;

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'wattlag-full-'));
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'full', folder]);
	// a page is left for the folder, less than a quiet machine's recording needs
	writeFileSync(join(folder, 'others'), Buffer.alloc(12288));
});

afterEach(() => run?.kill());

afterAll(() => {
	execFileSync('umount', ['--lazy', folder]);
	rmSync(folder, { recursive: true });
});

test('a full disk while recording: it is said, nothing is left behind, and sampling goes on', async () => {
	run = new TerminalRun('bin/wattlag', [], { columns: 200, env: { XDG_STATE_HOME: folder } });
	await run.waitFor(/PID .*WAIT99/);
	await run.press('w', /could not write: no space left on device/);
	expect(readdirSync(join(folder, 'wattlag'))).toEqual([]);
	await run.press('2', /\d+ waits/);
	run.send('q');
	expect(await run.ended()).toEqual({ code: 0, signal: 0 });
});
