/** Programs in pseudo-terminals that end with the test that began them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test as base, beforeAll } from 'vitest';
import { buildFixture } from './fixtures/build.ts';
import { TerminalRun, type TerminalRunOptions } from './terminal.ts';

export type InTerminal = (command: string, args: string[], options?: TerminalRunOptions) => TerminalRun;

export const test = base.extend<{ inTerminal: InTerminal }>({
	inTerminal: async ({ onTestFinished }, use) => {
		const runs: TerminalRun[] = [];
		onTestFinished(async () => {
			for (const run of runs) await run.kill();
		});
		await use((...given) => {
			const run = new TerminalRun(...given);
			runs.push(run);
			return run;
		});
	},
});

/** Path of the real screen on fixture snapshots (fixtures/demo.ts), there before the first test. Once for a test file. */
export function demoProgram(): string {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-demo-'));
	beforeAll(() => buildFixture('test/pty/fixtures/demo.ts', folder));
	afterAll(() => rmSync(folder, { recursive: true, force: true }));
	return join(folder, 'main.mjs');
}
