/**
 * Builds what is released into build/release/.
 *   npm run release                      everything, for both architectures
 *   npm run release -- --only file       the one file of this architecture
 *   npm run release -- --repin           take today's versions of Debian's packages into scripts/release/pins.json
 * Options: --arch x64|arm64, --out DIR, --cache DIR (what was fetched and compressed).
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { run } from './exec.ts';
import { ADDON_SOURCES, buildAddon } from './release/addon.ts';
import { DebianArchive } from './release/debian.ts';
import { buildLauncher } from './release/launcher.ts';
import { nodePackage } from './release/node.ts';
import { buildSingle } from './release/single.ts';
import { step } from './release/step.ts';
import { type Arch, archs, hostArch, type Libc } from './release/targets.ts';
import { sysrootPackages } from './release/toolchain.ts';
import { buildTree, packageJson, RUNTIME_PACKAGES } from './release/tree.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const { values } = parseArgs({
	options: {
		only: { type: 'string' },
		arch: { type: 'string' },
		out: { type: 'string', default: 'build/release' },
		cache: { type: 'string', default: 'build/release/cache' },
		repin: { type: 'boolean', default: false },
	},
});
const out = resolve(values.out);
const cache = resolve(values.cache);
const work = join(out, 'work');
const only = values.only;

function chosenArchs(): Arch[] {
	const { arch } = values;
	if (arch !== undefined && !(arch in archs)) throw new Error(`no architecture '${arch}'; there are x64, arm64`);
	if (arch !== undefined) return [arch as Arch];
	return only === undefined ? ['x64', 'arm64'] : [hostArch()];
}

/** Of the commit; with changes that are not committed it names a build that nobody else can repeat. */
function commit(): { hash: string; seconds: number } {
	const hash = run('git', ['rev-parse', 'HEAD']).trim();
	const seconds = Number(run('git', ['log', '-1', '--format=%ct']).trim());
	const changed = run('git', ['status', '--porcelain']).trim() !== '';
	return { hash: changed ? `${hash}-changed` : hash, seconds };
}

async function main(): Promise<void> {
	const archive = new DebianArchive({ cache, lenient: only === 'file' });
	if (values.repin) return archive.repin();
	mkdirSync(work, { recursive: true });
	const { hash, seconds } = commit();
	const { version } = packageJson(root);
	const wanted = chosenArchs();
	const libcs: Libc[] = only === undefined ? ['gnu', 'musl'] : ['gnu'];
	const packages = wanted.flatMap((arch) => [
		...(['gnu', 'musl'] as const).flatMap((libc) => sysrootPackages({ arch, libc })),
		...RUNTIME_PACKAGES.map((name) => [arch, name] as const),
	]);
	archive.prefetch([...new Map(packages.map((pair) => [pair.join(), pair])).values()], [...ADDON_SOURCES, 'libzstd']);
	step('bundling the program');
	const dist = join(work, 'dist');
	await bundle({ outdir: dist, build: { commit: hash } });
	for (const arch of wanted) {
		for (const libc of libcs) {
			step(`building the addon for ${arch} ${libc}`);
			const nodeHeaders = join(nodePackage(arch, root, cache).folder, 'include/node');
			await buildAddon({
				archive,
				target: { arch, libc },
				root,
				work,
				nodeHeaders,
				output: join(work, `${arch}-${libc}.node`),
			});
		}
		step(`building the launcher for ${arch}`);
		const launcher = join(work, `launcher-${arch}`);
		await buildLauncher({ archive, arch, root, work, output: launcher });
		step(`building the tree for ${arch}`);
		const entries = buildTree({ archive, arch, root, work, cache, dist, addon: join(work, `${arch}-gnu.node`) });
		const output = join(out, `wattlag-${version}-linux-${arch}`);
		step(`building the one file for ${arch}`);
		await buildSingle({ launcher, entries, seconds, cache, output });
		step(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
	}
}

try {
	await main();
} catch (error) {
	process.stderr.write(`wattlag release: failed: ${error instanceof Error ? error.message : error}\n`);
	process.exitCode = 1;
}
