/** BPF programs of ours, compiled for this machine, on invented events. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { beforeAll } from 'vitest';

/** Undefined behaviour ends the driver by a trap instruction: nothing is linked, since compilers come without their runtime. */
const SANITIZER = ['-fsanitize=undefined', '-fsanitize-trap=undefined'];
/** By architecture: what that instruction raises. */
const TRAPS: readonly (string | null)[] = ['SIGILL', 'SIGTRAP'];

/**
 * Once for a test file; a line of input for each event, the driver's output is returned.
 * @param name of the driver in test/unit/fixtures/bpf-native, without `.c`
 */
export function replayOf(name: string): (events: readonly string[]) => string {
	let driver = '';
	beforeAll(() => {
		driver = compile(`test/unit/fixtures/bpf-native/${name}.c`, `build/test/${name}-replay`);
	});
	return (events) => replay(driver, events);
}

/** Returns the path of the program. */
export function compile(source: string, driver: string): string {
	mkdirSync('build/test', { recursive: true });
	const flags = ['-O1', '-w', ...SANITIZER, '-Dpreserve_access_index=annotate("native")'];
	const include = ['-I', 'test/unit/fixtures/bpf-native', '-I', 'bpf'];
	execFileSync('clang', [...flags, ...include, source, '-o', driver]);
	return driver;
}

function run(driver: string, events: readonly string[]) {
	return spawnSync(driver, { input: `${events.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 24 });
}

/** Output of the driver; throws when it fails, with the event at which its behaviour is undefined. */
export function replay(driver: string, events: readonly string[]): string {
	const { error, status, signal, stdout, stderr } = run(driver, events);
	if (error) throw error;
	if (TRAPS.includes(signal)) {
		const [line, event] = firstTrapped(driver, events);
		throw new Error(`${driver}: undefined behaviour in C (${signal}) at event ${line}: ${event}`);
	}
	if (status !== 0) throw new Error(`${driver}: ended by ${signal ?? `exit code ${status}`}: ${stderr}`);
	return stdout;
}

/** The last of as few events as it takes; a driver does the same at every run. */
function firstTrapped(driver: string, events: readonly string[]): [line: number, event: string | undefined] {
	let [without, enough] = [-1, events.length];
	while (enough - without > 1) {
		const count = (without + enough) >> 1;
		if (TRAPS.includes(run(driver, events.slice(0, count)).signal)) enough = count;
		else without = count;
	}
	return [enough, events[enough - 1]];
}
