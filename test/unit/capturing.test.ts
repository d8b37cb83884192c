/** Captures by themselves, on made-up snapshots; the tools of a bundle are left out. */
import { expect, test, vi } from 'vitest';
import { Capturing } from '../../src/commands/capturing.ts';
import { treePerTest } from '../lib/tree.ts';
import { intervals, recordedTabs } from './record-fixtures.ts';

vi.mock('node:child_process', () => ({
	execFile: (_file: string, _words: string[], _options: object, done: (error: Error, output: Buffer) => void) =>
		done(new Error('no tool in a unit test'), Buffer.alloc(0)),
}));

const tree = treePerTest();

test('an expression is one cause, whatever tabs it holds on', async () => {
	const said: string[] = [];
	const capturing = new Capturing({
		kinds: [],
		expression: 'name ~ .',
		tracers: recordedTabs,
		path: tree.path('captures'),
		about: { version: '0', host: 'h', kernel: '6.1' },
		config: undefined,
		afterMs: 0,
		say: (line) => said.push(line),
		minutes: async () => [{ name: 'segments/none', bytes: Buffer.from('minutes') }],
	});
	const [first, second] = intervals(2) as [never, never];
	const of = (snapshots: readonly { tab: string }[], tab: string) =>
		snapshots.filter((one) => one.tab === tab) as never;
	capturing.see(of(first, 'energy'));
	expect(capturing.counts).toEqual({ captured: 1, suppressed: 0 });
	// the first bundle is written: a second one would find nothing in its way but the pause of ten minutes
	await capturing.close();
	capturing.see(of(second, 'runqlat'));
	capturing.see(of(second, 'overview'));
	await capturing.close();
	expect(capturing.counts).toEqual({ captured: 1, suppressed: 2 });
	expect(said.filter((line) => line.startsWith('captured: '))).toHaveLength(1);
	// it goes on: no new cause
	capturing.see(of(second, 'energy'));
	expect(capturing.counts.suppressed).toBe(2);
});
