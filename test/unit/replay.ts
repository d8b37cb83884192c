/** BPF programs of ours, compiled for this machine, on invented events. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { beforeAll } from 'vitest';

/**
 * Once for a test file; a line of input for each event, the driver's output is returned.
 * @param name of the driver in test/unit/fixtures/bpf-native, without `.c`
 */
export function replayOf(name: string): (events: readonly string[]) => string {
	let driver = '';
	beforeAll(() => {
		driver = compile(name);
	});
	return (events) => execFileSync(driver, { input: `${events.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 24 });
}

/** Returns the path of the program. */
function compile(name: string): string {
	const driver = `build/test/${name}-replay`;
	mkdirSync('build/test', { recursive: true });
	const flags = [
		'-O1',
		'-w',
		'-fsanitize=undefined',
		'-fno-sanitize-recover',
		'-Dpreserve_access_index=annotate("native")',
	];
	const include = ['-I', 'test/unit/fixtures/bpf-native', '-I', 'bpf'];
	execFileSync('clang', [...flags, ...include, `test/unit/fixtures/bpf-native/${name}.c`, '-o', driver]);
	return driver;
}
