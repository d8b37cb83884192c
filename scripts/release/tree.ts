/**
 * The tree that every artifact has: Node with a C library, so that any Linux runs it, the bundle, the BPF objects and the
 * addon. Relative to lib/wattlag of an installation, or to the folder that the one file unpacks itself into.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileObject } from '../bpf-object.ts';
import type { DebianArchive } from './debian.ts';
import { readElf } from './elf.ts';
import { nodePackage } from './node.ts';
import type { Entry } from './tar.ts';
import { type Arch, archs } from './targets.ts';
import { strip } from './toolchain.ts';

/** Packages with the libraries that Node asks for. */
export const RUNTIME_PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'] as const;
/** Besides those that Node asks for: NVIDIA's library does. */
const FURTHER_LIBRARIES = ['librt.so.1'];
/** Root's LD_PRELOAD in a file: a library for the host's C library would not even load with this one. */
const PRELOAD = ['/etc/ld.so.preload', '/dev/null/preload\0'] as const;

export interface TreeSettings {
	archive: DebianArchive;
	arch: Arch;
	root: string;
	work: string;
	cache: string;
	/** Path of the addon. */
	addon: string;
	/** Folder of the bundle. */
	dist: string;
	/** Text of all licences. */
	notices: string;
}

/** Objects for the architecture, compiled; the decoders generated from them have to be those in the bundle. */
function buildObjects(arch: Arch, root: string, folder: string): void {
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	for (const source of globSync('bpf/*/*.bpf.c', { cwd: root }).sort()) {
		const id = basename(source, '.bpf.c');
		const module = compileObject(source, join(folder, `${id}.bpf.o`), arch);
		if (module !== readFileSync(join(root, `src/generated/${id}.ts`), 'utf8'))
			throw new Error(`${source}: structs for ${arch} are not those that the bundle decodes`);
	}
}

/** The stripped binary; kept by the contents of the original. */
function strippedNode(original: string, cache: string): Buffer {
	const bytes = readFileSync(original);
	const name = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
	const kept = join(cache, 'stripped', name);
	if (!existsSync(kept)) {
		mkdirSync(join(cache, 'stripped'), { recursive: true });
		strip(original, kept);
	}
	return readFileSync(kept);
}

function privateLibraries({ archive, arch, work }: TreeSettings, node: string): Entry[] {
	const folder = join(work, 'runtime', arch);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	archive.unpack(arch, RUNTIME_PACKAGES, folder);
	const { linker } = archs[arch];
	const names = new Set([...readElf(node).needed, ...FURTHER_LIBRARIES, linker]);
	return [...names].map((name) => {
		const [path] = globSync(
			[`lib/*-linux-gnu/${name}`, `usr/lib/*-linux-gnu/${name}`, `lib64/${name}`, `lib/${name}`],
			{ cwd: folder },
		);
		if (!path) throw new Error(`${RUNTIME_PACKAGES.join(', ')}: no ${name}`);
		const contents = readFileSync(join(folder, path));
		if (name === linker) replaceOnce(contents, ...PRELOAD);
		return { path: `lib/${name}`, mode: 0o755, contents };
	});
}

function replaceOnce(bytes: Buffer, from: string, to: string): void {
	const at = bytes.indexOf(from);
	if (at < 0 || bytes.indexOf(from, at + 1) >= 0 || from.length !== to.length)
		throw new Error(`'${from}' is not there exactly once`);
	bytes.write(to, at, 'latin1');
}

/** What the program reads of the checkout's package.json. */
export function packageJson(root: string): { name: string; version: string; description: string; license: string } {
	const { name, version, description, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	return { name, version, description, license };
}

export function buildTree(settings: TreeSettings): Entry[] {
	const { arch, root, work, cache, addon, dist, notices } = settings;
	const { folder } = nodePackage(arch, root, cache);
	const node = join(folder, 'bin/node');
	const objects = join(work, 'bpf', arch);
	buildObjects(arch, root, objects);
	const file = (path: string, from: string, mode = 0o644): Entry => ({ path, mode, contents: readFileSync(from) });
	return [
		{ path: 'node', mode: 0o755, contents: strippedNode(node, cache) },
		...privateLibraries(settings, node),
		file('build/wattlag.node', addon, 0o755),
		...globSync(join(objects, '*.bpf.o')).map((path) => file(`build/bpf/${basename(path)}`, path)),
		...globSync(join(dist, '*')).map((path) => file(`dist/${basename(path)}`, path)),
		{
			path: 'package.json',
			mode: 0o644,
			contents: Buffer.from(`${JSON.stringify({ ...packageJson(root), type: 'module' }, null, '\t')}\n`),
		},
		{ path: 'licences/THIRD-PARTY', mode: 0o644, contents: Buffer.from(notices) },
		file('licences/NODE-LICENSE', join(folder, 'LICENSE')),
	];
}
