/**
 * Builds what is released into build/release/.
 *   npm run release                      everything, for both architectures
 *   npm run release -- --only file       the one file of this architecture
 *   npm run release -- --check           check what was built, in throw-away root folders; with --only file: build and check it
 *   npm run release -- --repin           take today's versions of Debian's packages into scripts/release/pins.json
 * Options: --arch x64|arm64, --out DIR, --cache DIR (what was fetched and compressed), --quick (compress less; with --check: what was
 * built so).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { run, runBytes } from './exec.ts';
import { ADDON_SOURCES, buildAddon } from './release/addon.ts';
import { buildArchive, installation, xz } from './release/archive.ts';
import { type Component, listComponents } from './release/components.ts';
import { buildDeb } from './release/deb.ts';
import { DebianArchive, SOURCES } from './release/debian.ts';
import { type Description, describeProgram } from './release/description.ts';
import { QUICK, THOROUGH } from './release/effort.ts';
import { buildLauncher } from './release/launcher.ts';
import { nodePackage } from './release/node.ts';
import { checkTags, releaseNote } from './release/note.ts';
import { sbom, thirdParty, writeSums } from './release/notices.ts';
import { buildNpm } from './release/npm.ts';
import { buildOci } from './release/oci.ts';
import { buildRpm } from './release/rpm.ts';
import { sharedFiles, unitFiles, type ZshFolder } from './release/shared.ts';
import { buildSingle } from './release/single.ts';
import { step } from './release/step.ts';
import { type Entry, tar } from './release/tar.ts';
import { type Arch, archs, hostArch, LIBCS, type Target, targetName } from './release/targets.ts';
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
		check: { type: 'boolean', default: false },
		quick: { type: 'boolean', default: false },
		repin: { type: 'boolean', default: false },
	},
});
const out = resolve(values.out);
const cache = resolve(values.cache);
/** The same folder for every --out: source maps have paths relative to it. */
const work = resolve('build/release/work');

const only = values.only;
const effort = values.quick ? QUICK : THOROUGH;

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

/** Before anything is built: a version, a tag and a changelog that do not agree. */
function releaseNoteOfCommit(): string {
	const { version } = packageJson(root);
	const note = releaseNote(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version);
	checkTags(run('git', ['tag', '--points-at', 'HEAD']).split('\n'), version, note);
	return note;
}

const ONLY = ['addon', 'file'] as const;

/** What is built for one architecture. */
interface Built {
	launcher: string;
	tree: Entry[];
}

async function main(): Promise<void> {
	if (only !== undefined && !ONLY.includes(only as never))
		throw new Error(`nothing to build is called '${only}'; there are ${ONLY.join(', ')}`);
	const lenient = only !== undefined;
	const archive = new DebianArchive({ cache, lenient });
	if (values.repin) return archive.repin();
	if (values.check && only === undefined) return check();
	for (const folder of [work, out]) mkdirSync(folder, { recursive: true });
	for (const name of readdirSync(out)) if (/^(wattlag|SHA256SUMS)/.test(name)) rmSync(join(out, name));
	const { hash, seconds } = commit();
	const note = only === undefined ? releaseNoteOfCommit() : '';
	const wanted = chosenArchs();
	const targets = wanted.flatMap((arch) =>
		(only === undefined ? LIBCS : LIBCS.slice(0, 1)).map((libc) => ({ arch, libc })),
	);
	const packages = wanted.flatMap((arch) => [
		...LIBCS.flatMap((libc) => sysrootPackages({ arch, libc })),
		...[...RUNTIME_PACKAGES, 'gcc-12-base' as const].map((name) => [arch, name] as const),
	]);
	archive.prefetch([...new Map(packages.map((pair) => [pair.join(), pair])).values()], [...ADDON_SOURCES, 'libzstd']);
	for (const target of targets) {
		step(`building the addon for ${targetName(target)}`);
		const nodeHeaders = join(nodePackage(target.arch, root, cache).folder, 'include/node');
		await buildAddon({ archive, target, root, work, nodeHeaders, output: addonPath(target) });
	}
	if (only === 'addon') return;
	step('bundling the program');
	const dist = join(work, 'dist');
	const metafile = await bundle({ outdir: dist, build: { commit: hash } });
	const description = describeProgram(packageJson(root));
	const components = listComponents({ metafile, archive, root, work, cache });
	const licence = (path: string): string => readFileSync(join(root, path), 'utf8');
	const notices = thirdParty(components, { apache: licence('LICENSE'), gpl: licence('bpf/LICENSE') });
	const built = new Map<Arch, Built>();
	for (const arch of wanted) {
		step(`building the launcher and the tree for ${arch}`);
		const launcher = join(work, `launcher-${arch}`);
		await buildLauncher({ archive, arch, root, work, output: launcher });
		const addon = addonPath({ arch, libc: 'gnu' });
		built.set(arch, { launcher, tree: buildTree({ archive, arch, root, work, cache, dist, addon, notices }) });
	}
	for (const [arch, { launcher, tree }] of built) {
		step(`building the one file for ${arch}`);
		await buildSingle({
			launcher,
			entries: tree,
			effort,
			cache,
			output: artifact(`wattlag-${description.version}-linux-${arch}`),
		});
	}
	if (only === undefined) packageAll({ built, archive, components, description, notices, note, hash, seconds });
	for (const name of readdirSync(out)
		.filter((file) => file.startsWith('wattlag'))
		.sort())
		step(`${(statSync(join(out, name)).size / 1e6).toFixed(1).padStart(6)} MB  ${name}`);
	if (values.check) check();
}

interface Packaging {
	built: ReadonlyMap<Arch, Built>;
	archive: DebianArchive;
	components: readonly Component[];
	description: Description;
	notices: string;
	note: string;
	hash: string;
	seconds: number;
}

function packageAll({ built, archive, components, description, notices, note, hash, seconds }: Packaging): void {
	const { version } = description;
	const roots = new Map<Arch, Entry[]>();
	for (const [arch, { launcher, tree }] of built) {
		const files = (zsh: ZshFolder): Entry[] =>
			installation({ launcher, tree, shared: sharedFiles(root, zsh, Buffer.from(notices)) });
		const below = (entries: readonly Entry[]): Entry[] => [
			...entries.map((entry) => ({ ...entry, path: `usr/${entry.path}` })),
			...unitFiles(root),
		];
		step(`building the packages for ${arch}`);
		const name = `wattlag-${version}-linux-${arch}`;
		buildArchive({
			entries: files('site-functions'),
			folder: name,
			effort,
			seconds,
			output: artifact(`${name}.tar.xz`),
		});
		const debian = below(files('vendor-completions'));
		buildDeb({
			arch,
			entries: debian,
			description,
			effort,
			seconds,
			output: artifact(`wattlag_${version}_${archs[arch].debian}.deb`),
		});
		const output = artifact(`wattlag-${version}-1.${archs[arch].machine}.rpm`);
		buildRpm({
			arch,
			entries: below(files('site-functions')),
			description,
			effort,
			seconds,
			work: join(work, 'rpm'),
			output,
		});
		roots.set(
			arch,
			debian.filter(({ path }) => /^usr\/(bin|lib\/wattlag)\//.test(path)),
		);
	}
	step('building the image');
	buildOci({ roots, description, commit: hash, effort, seconds, output: artifact(`wattlag-${version}.oci.tar`) });
	step('building the npm packages');
	const targets = [...built.keys()].flatMap((arch) => LIBCS.map((libc) => ({ arch, libc })));
	buildNpm({
		root,
		version,
		description: description.summary,
		trees: new Map([...built].map(([arch, { tree }]) => [arch, tree])),
		addons: new Map(targets.map((target) => [targetName(target), addonPath(target)])),
		notices,
		node: nodePackage(hostArch(), root, cache).version,
		effort,
		seconds,
		out,
	});
	step('collecting the sources');
	writeFileSync(artifact(`wattlag-${version}-sources.tar`), sourceArchive(archive, version, seconds));
	writeFileSync(artifact(`wattlag-${version}-THIRD-PARTY.txt`), notices);
	writeFileSync(artifact(`wattlag-${version}-NOTE.md`), note);
	writeFileSync(artifact(`wattlag-${version}.cdx.json`), sbom({ components, description, commit: hash, seconds }));
	writeSums(out);
}

/** Our own sources as committed, and those of all C libraries. */
function sourceArchive(archive: DebianArchive, version: string, seconds: number): Buffer {
	const own = runBytes('git', ['archive', '--format=tar', `--prefix=wattlag-${version}/`, 'HEAD']);
	const paths = SOURCES.flatMap((name) => archive.sourceFiles(name));
	const entries = paths.map((path) => ({
		path: `libraries/${basename(path)}`,
		mode: 0o644,
		contents: readFileSync(path),
	}));
	return tar([{ path: `wattlag-${version}.tar.xz`, mode: 0o644, contents: xz(own, effort) }, ...entries], seconds);
}

/** Run what was built, in throw-away root folders. With the one file only: its tests. */
function check(): void {
	step('checking');
	const tests = only === undefined ? [] : ['test/release/file.test.ts'];
	const { status } = spawnSync(
		process.execPath,
		['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/release/vitest.config.ts', ...tests],
		{
			stdio: 'inherit',
			env: { ...process.env, WATTLAG_RELEASE: out, WATTLAG_RELEASE_QUICK: values.quick ? '1' : '0' },
		},
	);
	if (status !== 0) throw new Error('checks failed');
}

function artifact(name: string): string {
	return join(out, name);
}

function addonPath(target: Target): string {
	return join(work, `${targetName(target)}.node`);
}

try {
	await main();
} catch (error) {
	process.stderr.write(`wattlag release: failed: ${error instanceof Error ? error.message : error}\n`);
	process.exitCode = 1;
}
