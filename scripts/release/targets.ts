/** The machines that a release is built for. */

export type Arch = 'x64' | 'arm64';
export type Libc = 'gnu' | 'musl';

/** glibc first. */
export const LIBCS: readonly Libc[] = ['gnu', 'musl'];

export interface Target {
	arch: Arch;
	libc: Libc;
}

interface ArchNames {
	/** Of Debian's packages. */
	debian: 'amd64' | 'arm64';
	/** Of RPM packages, and of `uname -m`. */
	machine: 'x86_64' | 'aarch64';
	/** Of OCI images. */
	oci: 'amd64' | 'arm64';
	/** Of libbpf's macros: `__TARGET_ARCH_x86`. */
	bpf: 'x86' | 'arm64';
	/** `e_machine` of ELF files. */
	elf: number;
	/** File name of glibc's dynamic linker. */
	linker: string;
	/** Of qemu's user-mode emulator. */
	qemu: string;
}

export const archs: Readonly<Record<Arch, ArchNames>> = {
	x64: {
		debian: 'amd64',
		machine: 'x86_64',
		oci: 'amd64',
		bpf: 'x86',
		elf: 62,
		linker: 'ld-linux-x86-64.so.2',
		qemu: 'qemu-x86_64-static',
	},
	arm64: {
		debian: 'arm64',
		machine: 'aarch64',
		oci: 'arm64',
		bpf: 'arm64',
		elf: 183,
		linker: 'ld-linux-aarch64.so.1',
		qemu: 'qemu-aarch64-static',
	},
};

/** Of compilers. */
export function triplet({ arch, libc }: Target): string {
	return `${archs[arch].machine}-linux-${libc}`;
}

export function targetName({ arch, libc }: Target): string {
	return `${arch}-${libc}`;
}

/** Of this machine. */
export function hostArch(): Arch {
	if (process.arch === 'x64' || process.arch === 'arm64') return process.arch;
	throw new Error(`no release for ${process.arch}`);
}
