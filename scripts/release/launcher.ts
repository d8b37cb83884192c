/** The launcher: native/launcher with zstd's decoder, a static program against musl. */
import { globSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, runAll } from '../exec.ts';
import { nodeFlags } from '../node-flags.ts';
import { sourceFolder } from './addon.ts';
import type { DebianArchive } from './debian.ts';
import { type Arch, archs } from './targets.ts';
import { Toolchain } from './toolchain.ts';

export interface LauncherSettings {
	archive: DebianArchive;
	arch: Arch;
	/** Of the checkout. */
	root: string;
	/** Folder for what is unpacked and compiled on the way. */
	work: string;
	output: string;
}

export async function buildLauncher({ archive, arch, root, work, output }: LauncherSettings): Promise<void> {
	const toolchain = new Toolchain(archive, { arch, libc: 'musl' }, work);
	const zstd = join(sourceFolder(archive, 'libzstd', work), 'lib');
	const objects = join(work, 'objects', `${arch}-launcher`);
	mkdirSync(objects, { recursive: true });
	const common = [
		...toolchain.compile(),
		'-O2',
		'-g0',
		'-std=gnu11',
		'-ffunction-sections',
		'-fdata-sections',
		'-fstack-protector-strong',
		`-ffile-prefix-map=${root}=.`,
		'-I',
		zstd,
		'-DXXH_NAMESPACE=ZSTD_',
		'-DZSTD_LEGACY_SUPPORT=0',
	];
	const flags = nodeFlags();
	const strings = (words: readonly string[]): string => words.map((word) => `"${word}"`).join();
	const defined = [
		`-DLINKER="${archs[arch].linker}"`,
		`-DSCREEN_FLAGS=${strings(flags.screen)}`,
		`-DBATCH_FLAGS=${strings(flags.batch)}`,
		`-DMALLOC_SETTINGS=${strings(flags.malloc)}`,
		`-DLOADING=${strings(flags.loading)}`,
	];
	const built: string[] = [];
	const compile = (source: string, ...flags: string[]): [string, ...string[]] => {
		const object = join(objects, `${basename(source).replace(/\.[cS]$/, '')}.o`);
		built.push(object);
		const [command, ...words] = [...common, ...flags, '-c', source, '-o', object];
		return [command as string, ...words];
	};
	await runAll([
		...globSync(join(root, 'native/launcher/*.c'))
			.sort()
			.map((source) => compile(source, '-Wall', '-Wextra', '-Werror', ...defined)),
		...globSync([join(zstd, 'common/*.c'), join(zstd, 'decompress/*.{c,S}')])
			.filter((path) => !/\/(pool|threading)\.c$/.test(path))
			.sort()
			.map((source) => compile(source, '-w')),
	]);
	const [command, ...words] = toolchain.link();
	run(command as string, [
		...words,
		'-static',
		'-Wl,--gc-sections',
		'-Wl,-z,noexecstack',
		'-s',
		...['crt1.o', 'crti.o'].map((name) => toolchain.libcFile(name)),
		...built,
		toolchain.libcFile('libc.a'),
		toolchain.compilerLibrary(),
		toolchain.libcFile('crtn.o'),
		'-o',
		output,
	]);
}
