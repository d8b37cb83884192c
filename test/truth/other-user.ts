/** The program as another user has it, who may not read root's home, where the checkout may be. */
import { chmodSync, copyFileSync, cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryDirectory } from './leftovers.ts';

/** A copy that every user may read. */
export function copyForOthers(): { node: string; program: string; remove: () => void } {
	const { path: folder, remove } = temporaryDirectory(join(tmpdir(), 'wattlag-copy-'));
	chmodSync(folder, 0o755);
	for (const part of ['package.json', 'dist', 'build/bpf', 'build/wattlag.node'])
		cpSync(part, join(folder, part), { recursive: true });
	const node = join(folder, 'node');
	copyFileSync(process.execPath, node);
	return { node, program: join(folder, 'dist/wattlag.mjs'), remove };
}
