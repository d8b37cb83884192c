/**
 * clang and lld for every target from one machine, against headers and libraries of pinned Debian packages: what the
 * machine itself has installed makes no difference to the result.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../exec.ts';
import type { BinaryName, DebianArchive } from './debian.ts';
import { finish } from './debian.ts';
import { type Arch, archs, type Target, triplet } from './targets.ts';

const PARTS = {
	gnu: ['libc6-dev', 'libc6', 'libgcc-12-dev'],
	musl: ['musl-dev', 'musl', 'libgcc-12-dev'],
	kernel: ['linux-libc-dev'],
} as const satisfies Record<string, readonly BinaryName[]>;

/** Packages that {@link Toolchain} unpacks for a target. */
export function sysrootPackages({ arch, libc }: Target): (readonly [Arch, BinaryName])[] {
	return [...PARTS[libc], ...PARTS.kernel].map((name) => [arch, name] as const);
}

export class Toolchain {
	readonly target: Target;
	private readonly libcRoot: string;
	private readonly kernelRoot: string;

	/** `work`: folder for unpacked packages. */
	constructor(archive: DebianArchive, target: Target, work: string) {
		this.target = target;
		this.libcRoot = unpacked(archive, target.arch, target.libc, work);
		this.kernelRoot = unpacked(archive, target.arch, 'kernel', work);
	}

	/** First words of a compiler call: target and headers. */
	compile(): string[] {
		const { arch, libc } = this.target;
		const name = triplet(this.target);
		const gnu = triplet({ arch, libc: 'gnu' });
		const headers = [
			...(libc === 'gnu' ? [join(this.libcRoot, 'usr/include')] : []),
			join(this.libcRoot, 'usr/include', name),
			join(this.kernelRoot, 'usr/include', gnu),
			join(this.kernelRoot, 'usr/include'),
		];
		return [
			'clang',
			`--target=${name}`,
			'-nostdlibinc',
			...headers.flatMap((folder) => ['-isystem', folder]),
			// arm64: atomics in line, or they come from a library
			...(arch === 'arm64' ? ['-mno-outline-atomics'] : []),
		];
	}

	/** First words of a linker call. Libraries are named by path. */
	link(): string[] {
		return ['clang', `--target=${triplet(this.target)}`, '-fuse-ld=lld', '-nostdlib', '-Wl,--build-id=none'];
	}

	/** Path of a file of the C library, such as `libc.a`. */
	libcFile(name: string): string {
		const { libc } = this.target;
		const folders = [
			`usr/lib/${triplet(this.target)}`,
			`lib/${triplet(this.target)}`,
			...(libc === 'gnu' ? ['lib64', 'lib'] : []),
		];
		const found = folders.map((folder) => join(this.libcRoot, folder, name)).find((path) => existsSync(path));
		if (!found) throw new Error(`no ${name} below ${this.libcRoot}`);
		return found;
	}

	/** The compiler's own functions, such as those of long double on arm64. */
	compilerLibrary(): string {
		const folder = join(this.libcRoot, 'usr/lib/gcc', `${archs[this.target.arch].machine}-linux-gnu`);
		const [version] = readdirSync(folder);
		return join(folder, version as string, 'libgcc.a');
	}
}

function unpacked(archive: DebianArchive, arch: Arch, part: keyof typeof PARTS, work: string): string {
	const stamp = PARTS[part].map((name) => archive.binaryVersion(arch, name)).join('+');
	const folder = join(work, 'sysroot', `${arch}-${part}-${stamp.replaceAll(/[^\w.+~-]/g, '_')}`);
	if (existsSync(folder)) return folder;
	const temporary = `${folder}.new`;
	rmSync(temporary, { recursive: true, force: true });
	mkdirSync(temporary, { recursive: true });
	archive.unpack(arch, PARTS[part], temporary);
	finish(temporary, folder);
	return folder;
}

/** Remove symbols of debuggers: the same bytes on every machine with the same LLVM. */
export function strip(from: string, to: string): void {
	run(llvm('strip'), ['--strip-all', '-o', to, from]);
}

/** Path of a tool of LLVM: some distributions have it under its version's name only. */
function llvm(tool: string): string {
	const folders = (process.env['PATH'] ?? '').split(':');
	const plain = `llvm-${tool}`;
	const found = folders.map((folder) => join(folder, plain)).find((path) => existsSync(path));
	if (!found) throw new Error(`${plain} is missing: sudo apt-get install llvm`);
	return found;
}
