/** Compiles a BPF program of ours for this machine, so that it can be run on invented events. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/**
 * @param name of the driver in test/unit/fixtures/bpf-native, without `.c`
 * @returns path of the program, which reads events from standard input
 */
export function compileReplay(name: string): string {
	const driver = `build/test/${name}-replay`;
	mkdirSync('build/test', { recursive: true });
	const flags = [
		'-O1',
		'-w',
		'-fsanitize=undefined',
		'-fno-sanitize-recover',
		'-Dpreserve_access_index=annotate("native")',
	];
	const include = ['-I', 'test/unit/fixtures/bpf-native', '-I', 'bpf/include'];
	execFileSync('clang', [...flags, ...include, `test/unit/fixtures/bpf-native/${name}.c`, '-o', driver]);
	return driver;
}
