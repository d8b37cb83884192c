/** Compiles a BPF program and generates the decoders of what it has in common with user space. */
import { rmSync } from 'node:fs';
import { type BtfType, emitModule } from './btf-types.ts';
import { run } from './exec.ts';

/** By Node's name of an architecture. */
const archs: Readonly<Record<string, string>> = { x64: 'x86', arm64: 'arm64' };

/**
 * Compile `source`, relative to the checkout, which is the current folder. The same bytes come from every checkout.
 * Returns the text of the module generated from its BTF.
 */
export function compileObject(source: string, object: string, arch: string): string {
	const bpfArch = archs[arch];
	if (!bpfArch) throw new Error(`no BPF target for ${arch}`);
	const compiled = `${object}.tmp.o`;
	run('clang', [
		'-g',
		'-O2',
		'-target',
		'bpf',
		'-mcpu=v3',
		`-D__TARGET_ARCH_${bpfArch}`,
		`-ffile-prefix-map=${process.cwd()}=.`,
		'-Wall',
		'-Wextra',
		'-Werror',
		'-Wno-unused-parameter',
		'-I',
		'bpf',
		'-c',
		source,
		'-o',
		compiled,
	]);
	// bpftool's linker fills in the offsets of section variables, which the compiler leaves 0, and drops DWARF
	run('bpftool', ['gen', 'object', object, compiled]);
	rmSync(compiled);
	const { types } = JSON.parse(run('bpftool', ['-j', 'btf', 'dump', 'file', object])) as { types: BtfType[] };
	return emitModule(source, types);
}
