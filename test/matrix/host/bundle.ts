/** What the guest runs: the checks and what they need in one file, which an emulated CPU loads in a second or two. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { bundling } from '../../../scripts/bundle.ts';
import { nodeFlags } from '../../../scripts/node-flags.ts';
import type { Check } from '../check.ts';

export const AGENT = 'build/matrix/agent.mjs';

const files = (): string[] => globSync('test/matrix/checks/*.ts').sort();
const nameOf = (file: string): string => basename(file, '.ts');

/** All checks, by name; those that judge the others come last. */
export async function loadChecks(): Promise<Map<string, Check>> {
	const loaded = await Promise.all(
		files().map(async (file) => {
			const { default: check } = (await import(pathToFileURL(file).href)) as { default: Check };
			return [nameOf(file), check] as const;
		}),
	);
	const isLast = ([, { last }]: (typeof loaded)[number]): number => (last ? 1 : 0);
	return new Map(loaded.toSorted((a, b) => isLast(a) - isLast(b)));
}

/** Bundle the checks, and compile the programs of guest/*.c. */
export async function bundleAgent(): Promise<void> {
	mkdirSync('build/matrix', { recursive: true });
	const imports = files().map((file, index) => `import check${index} from './${file}';`);
	const names = files().map((file, index) => `${JSON.stringify(nameOf(file))}: check${index}`);
	await build({
		...bundling,
		splitting: false,
		define: { ...bundling.define, WATTLAG_NODE_FLAGS: JSON.stringify(nodeFlags().batch) },
		stdin: {
			contents: `${imports.join('\n')}\nimport { runChecks } from './test/matrix/guest/agent.ts';\nawait runChecks({ ${names.join(', ')} });\n`,
			resolveDir: process.cwd(),
			loader: 'ts',
		},
		outfile: AGENT,
	});
	for (const source of globSync('test/matrix/guest/*.c')) {
		const options = ['-O1', '-fno-omit-frame-pointer', '-Wall', '-Wextra', '-Werror', '-pthread'];
		execFileSync('clang', [...options, source, '-o', `build/matrix/${basename(source, '.c')}`], { stdio: 'inherit' });
	}
}
