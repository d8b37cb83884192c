/** Frames of very many rows: how long from a tick's bytes to those of its frame. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { nodeFlags } from '../../../scripts/node-flags.ts';
import { buildFixture } from '../../pty/fixtures/build.ts';
import { leashed } from '../../truth/leftovers.ts';

export interface Frames {
	what: 'processes' | 'threads';
	/** Title of the tab, in small letters. */
	tab: string;
	/** ms, one for each tick. */
	ms: number[];
}

/** In a program of its own, bundled as the real one is. */
export async function frames(directory: string): Promise<Frames[]> {
	const main = await buildFixture('test/bench/terminal/many.tsx', directory);
	const [command, args] = leashed(process.execPath, ...nodeFlags().screen, main);
	const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 });
	return JSON.parse(stdout) as Frames[];
}
