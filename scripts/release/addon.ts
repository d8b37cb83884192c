/** The addon with libbpf, libelf and zlib inside: it needs the C library and nothing else. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, runAll } from '../exec.ts';
import type { DebianArchive, SourceName } from './debian.ts';
import { finish } from './debian.ts';
import { readElf } from './elf.ts';
import { buildStubs, compareVersions, FLOOR, highestGlibc, isOfNode } from './floor.ts';
import { archs, type Target, targetName } from './targets.ts';
import { Toolchain } from './toolchain.ts';

export const ADDON_SOURCES = ['libbpf', 'elfutils', 'zlib'] as const satisfies readonly SourceName[];

/** Bytes; libbpf, libelf and zlib take most of it. */
const LARGEST = 500_000;
const EXPORTED = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** The files of the C library that an addon may ask for. musl's has different names by distribution: Node has loaded it. */
function libcFiles({ arch, libc }: Target): string[] {
	return libc === 'musl' ? [] : ['libc.so.6', 'libm.so.6', archs[arch].linker];
}

export interface AddonSettings {
	archive: DebianArchive;
	target: Target;
	/** Of the checkout. */
	root: string;
	/** Folder for what is unpacked and compiled on the way. */
	work: string;
	/** Folder of Node's headers. */
	nodeHeaders: string;
	output: string;
}

/** Unpacked once per version. */
export function sourceFolder(archive: DebianArchive, name: SourceName, work: string): string {
	archive.source(name);
	const folder = join(work, 'source', `${name}-${archive.version(name).replaceAll(/[^\w.+~-]/g, '_')}`);
	if (existsSync(folder)) return folder;
	mkdirSync(join(work, 'source/new'), { recursive: true });
	const temporary = join(work, 'source/new', name);
	rmSync(temporary, { recursive: true, force: true });
	archive.unpackSource(name, temporary);
	finish(temporary, folder);
	return folder;
}

interface Group {
	sources: string[];
	/** With paths that name the versions. */
	flags: string[];
	/** Objects of an earlier build are taken: these sources never change under their path. */
	kept: boolean;
}

function groups({ archive, root, work, nodeHeaders }: AddonSettings): Group[] {
	const [libbpf, elfutils, zlib] = ADDON_SOURCES.map((name) => sourceFolder(archive, name, work)) as [
		string,
		string,
		string,
	];
	const own = join(root, 'native');
	// libbpf's headers as they are included when installed
	const installed = join(work, 'include');
	mkdirSync(installed, { recursive: true });
	rmSync(join(installed, 'bpf'), { force: true });
	run('ln', ['-sfn', join(libbpf, 'src'), join(installed, 'bpf')]);
	const foreign = ['-w', '-Werror=implicit-function-declaration'];
	return [
		{
			sources: globSync(join(zlib, '*.c')),
			kept: true,
			flags: [...foreign, '-DHAVE_UNISTD_H', '-D_LARGEFILE64_SOURCE=1', '-I', zlib],
		},
		{
			sources: globSync(join(elfutils, 'libelf/*.c')),
			kept: true,
			flags: [
				...foreign,
				'-DHAVE_CONFIG_H',
				'-std=gnu11',
				'-D_GNU_SOURCE',
				...[join(own, 'static'), join(elfutils, 'libelf'), join(elfutils, 'lib'), zlib].flatMap((path) => ['-I', path]),
			],
		},
		{
			sources: globSync(join(libbpf, 'src/*.c')),
			kept: true,
			flags: [
				...foreign,
				'-std=gnu11',
				'-D_LARGEFILE64_SOURCE',
				'-D_FILE_OFFSET_BITS=64',
				...[
					join(libbpf, 'include'),
					join(libbpf, 'include/uapi'),
					join(libbpf, 'src'),
					join(elfutils, 'libelf'),
					zlib,
				].flatMap((path) => ['-I', path]),
			],
		},
		{
			sources: [...globSync(join(own, '*.c')), join(own, 'static/stat.c')],
			kept: false,
			flags: [
				'-Wall',
				'-Wextra',
				'-Werror',
				'-std=gnu11',
				'-isystem',
				nodeHeaders,
				'-isystem',
				installed,
				'-isystem',
				join(libbpf, 'include/uapi'),
			],
		},
	];
}

export async function buildAddon(settings: AddonSettings): Promise<void> {
	const { archive, target, root, work, output } = settings;
	const toolchain = new Toolchain(archive, target, work);
	const objects = join(work, 'objects', targetName(target));
	const compile = [
		...toolchain.compile(),
		'-O2',
		'-g0',
		'-fPIC',
		'-fvisibility=hidden',
		'-ffunction-sections',
		'-fdata-sections',
		'-fstack-protector-strong',
		'-U_FORTIFY_SOURCE',
		...(target.libc === 'gnu' ? ['-D_FORTIFY_SOURCE=2'] : []),
		// the same bytes from every folder
		`-ffile-prefix-map=${root}=.`,
	] as const;
	const built: string[] = [];
	const commands: [string, ...string[]][] = [];
	for (const { sources, flags, kept } of groups(settings)) {
		const words = [...compile, ...flags];
		const folder = join(objects, createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 12));
		mkdirSync(folder, { recursive: true });
		for (const source of sources.sort()) {
			const object = join(folder, `${basename(source, '.c')}.o`);
			built.push(object);
			const [command, ...rest] = words;
			if (!kept || !existsSync(object)) commands.push([command as string, ...rest, '-c', source, '-o', object]);
		}
	}
	await runAll(commands);
	const link = (libraries: readonly string[], to: string): void => {
		const [command, ...words] = toolchain.link();
		run(command as string, [
			...words,
			'-shared',
			'-Wl,--gc-sections',
			'-Wl,--as-needed',
			'-Wl,-z,relro,-z,now,-z,noexecstack',
			`-Wl,--version-script=${join(root, 'native/static/exports.map')}`,
			'-Wl,-soname,wattlag.node',
			'-s',
			...built,
			...libraries,
			toolchain.compilerLibrary(),
			'-o',
			to,
		]);
	};
	// once without the C library, to learn what it takes from it
	const first = target.libc === 'musl' ? output : join(objects, 'unlinked.node');
	link([], first);
	const wanted = readElf(first)
		.symbols.filter(({ defined, weak, name }) => !defined && !weak && !isOfNode(name))
		.map(({ name }) => name);
	if (target.libc === 'gnu') link(buildStubs(toolchain, libcFiles(target), wanted, join(objects, 'stubs')), output);
	else requireDefined(wanted, toolchain.libcFile('libc.so'));
	checkAddon(output, target);
}

/** An undefined symbol that the library does not have would be found by dlopen, on somebody's machine. */
function requireDefined(wanted: readonly string[], library: string): void {
	const defined = new Set(readElf(library).symbols.flatMap((symbol) => (symbol.defined ? [symbol.name] : [])));
	const missing = wanted.filter((name) => !defined.has(name));
	if (missing.length > 0) throw new Error(`not in ${library}: ${missing.join(', ')}`);
}

/** @throws where the addon could not be loaded on a machine that has the floor's C library only */
function checkAddon(path: string, target: Target): void {
	const elf = readElf(path);
	const faults: string[] = [];
	const expected = libcFiles(target);
	const foreign = elf.needed.filter((name) => !expected.includes(name));
	if (foreign.length > 0) faults.push(`needs ${foreign.join(', ')}`);
	if (elf.machine !== archs[target.arch].elf) faults.push(`is for machine ${elf.machine}`);
	const exported = elf.symbols.filter(({ defined }) => defined).map(({ name }) => name);
	if (exported.sort().join() !== EXPORTED.join()) faults.push(`exports ${exported.join(', ')}`);
	const highest = highestGlibc(elf);
	if (highest !== undefined && compareVersions(highest, FLOOR) > 0) faults.push(`needs glibc ${highest}`);
	if (target.libc === 'gnu') {
		// an undefined symbol without version is one that no library was found for: dlopen would find out
		const open = elf.symbols.filter(
			({ defined, weak, version, name }) => !defined && !weak && version === undefined && !isOfNode(name),
		);
		if (open.length > 0) faults.push(`leaves ${open.map(({ name }) => name).join(', ')} undefined`);
	}
	const { size } = statSync(path);
	if (size > LARGEST) faults.push(`has ${size} bytes, more than ${LARGEST}`);
	if (faults.length > 0) throw new Error(`addon for ${targetName(target)}: ${faults.join('; ')}`);
}
