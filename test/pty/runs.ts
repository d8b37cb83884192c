/** Programs in pseudo-terminals that end with the test that began them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { buildFixture } from './fixtures/build.ts';
import { TerminalRun, type TerminalRunOptions } from './terminal.ts';

/** Once for a test file. */
export function terminalRuns(): (command: string, args: string[], options?: TerminalRunOptions) => TerminalRun {
	const runs: TerminalRun[] = [];
	afterEach(async () => {
		for (const run of runs.splice(0)) await run.kill();
	});
	return (command, args, options) => {
		const run = new TerminalRun(command, args, options);
		runs.push(run);
		return run;
	};
}

export interface Demo {
	/** Its folder, which goes when the file's tests have ended. */
	folder: string;
	/** The bundled program, there before the first test. */
	main: string;
	start(options?: TerminalRunOptions): TerminalRun;
}

/** The real screen on fixture snapshots (fixtures/demo.ts). Once for a test file. */
export function demo(run = terminalRuns()): Demo {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-demo-'));
	const main = join(folder, 'main.mjs');
	beforeAll(() => buildFixture('test/pty/fixtures/demo.ts', folder));
	afterAll(() => rmSync(folder, { recursive: true, force: true }));
	return { folder, main, start: (options) => run(process.execPath, [main], options) };
}
