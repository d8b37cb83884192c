/**
 * Builds the parts of the program, each only when its inputs are newer than its output: the addon, the BPF objects, the
 * decoders generated from their BTF, the bundle. Run by the pinned Node: `scripts/setup.sh` calls it after it has
 * installed what a build needs.
 */
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileObject } from './bpf-object.ts';
import { bundle } from './bundle.ts';
import { run } from './exec.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const modified = (file: string): number => (existsSync(file) ? statSync(file).mtimeMs : 0);

function outdated(output: string, inputs: string[]): boolean {
	const built = modified(output);
	return (
		built === 0 ||
		[...inputs, ...globSync('scripts/**/*', { exclude: ['scripts/release/**'] })].some(
			(input) => modified(input) > built,
		)
	);
}

/** Report a step on standard error: standard output belongs to the program. */
function step(text: string): void {
	process.stderr.write(`wattlag setup: ${text}\n`);
}

function buildAddon(): void {
	const output = 'build/wattlag.node';
	const sources = globSync('native/*.c').sort();
	if (!outdated(output, [...sources, ...globSync('native/*.h')])) return;
	step('building the BPF addon');
	const include = join(dirname(dirname(process.execPath)), 'include/node');
	// a clearer error than a missing header in the middle of a compile
	if (!existsSync(include)) throw new Error(`Node's headers are not at ${include}: run npm install`);
	const warnings = ['-Wall', '-Wextra', '-Werror'];
	run('clang', [
		'-O2',
		'-g',
		...warnings,
		'-std=gnu11',
		'-fPIC',
		'-shared',
		'-fvisibility=hidden',
		'-I',
		include,
		...sources,
		'-o',
		output,
		'-lbpf',
	]);
}

function buildObject(source: string): void {
	const id = basename(source, '.bpf.c');
	const object = `build/bpf/${id}.bpf.o`;
	const generated = `src/generated/${id}.ts`;
	if (!outdated(object, [source, ...globSync('bpf/**/*.h')]) && !outdated(generated, [object])) return;
	step(`building ${source}`);
	writeFileSync(generated, compileObject(source, object, process.arch));
}

/** Remove objects and modules whose C file is gone. */
function sweep(ids: Set<string>): void {
	for (const file of globSync(['build/bpf/*.bpf.o', 'src/generated/*.ts'])) {
		if (!ids.has(basename(file).replace(/\.(bpf\.o|ts)$/, ''))) rmSync(file);
	}
}

async function buildBundle(): Promise<void> {
	const inputs = [...globSync('src/**/*.{ts,tsx,cjs}'), 'package-lock.json'];
	if (!outdated('dist/wattlag.mjs', inputs)) return;
	step('bundling the program');
	await bundle();
	// code compiled from earlier chunks would stay for ever, too
	rmSync('build/compile-cache', { recursive: true, force: true });
}

try {
	process.env['PATH'] += ':/usr/sbin:/sbin'; // bpftool's home, missing from an ordinary user's path
	for (const folder of ['build/bpf', 'src/generated', 'dist']) mkdirSync(folder, { recursive: true });
	// what changes from here on is newer than this build
	writeFileSync('build/started', '');
	const sources = globSync('bpf/*/*.bpf.c').sort();
	buildAddon();
	for (const source of sources) buildObject(source);
	sweep(new Set(sources.map((source) => basename(source, '.bpf.c'))));
	if (process.argv.includes('--no-bundle')) process.exit(0);
	await buildBundle();
	renameSync('build/started', 'build/complete');
} catch (error) {
	process.stderr.write(`wattlag setup: build failed: ${(error as Error).message}\n`);
	process.exit(1);
}
