import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BpfAddon, type BpfError, type BpfObject, loadAddon } from '../../src/core/native.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));

export const addonPath = join(root, 'build/wattlag.node');

export function addon(): BpfAddon {
	return loadAddon(addonPath);
}

/** Per architecture: libbpf's name for it, the directory of its headers, the number of kill(2). */
const machines: Partial<Record<NodeJS.Architecture, { bpf: string; include: string; kill: number }>> = {
	x64: { bpf: 'x86', include: 'x86_64-linux-gnu', kill: 62 },
	arm64: { bpf: 'arm64', include: 'aarch64-linux-gnu', kill: 129 },
};

function machine(): { bpf: string; include: string; kill: number } {
	const found = machines[process.arch];
	if (!found) {
		throw new Error(`the fixtures do not know ${process.arch}`);
	}
	return found;
}

export interface Fixtures {
	directory: string;
	/** Suffix of the names of programs and maps, which tells ours from those of everybody else on the machine. */
	tag: string;
	/** Compile `fixtures/<name>.bpf.c`; returns the object's path. */
	compile(name: string, ...flags: string[]): string;
	/** `kill` → `kill_3fa9`. */
	named(name: string): string;
	remove(): void;
}

export function makeFixtures(): Fixtures {
	const directory = mkdtempSync(join(tmpdir(), 'wattlag-native-'));
	const tag = randomBytes(3).toString('hex');
	return {
		directory,
		tag,
		compile(name, ...flags) {
			const { bpf, include } = machine();
			// Section maps are called after the file, which hence has the tag as well.
			const output = join(directory, `w${tag}.${name}${flags.join('')}.bpf.o`);
			execFileSync('clang', [
				'-g',
				'-O2',
				'-target',
				'bpf',
				'-Wall',
				'-Werror',
				`-D__TARGET_ARCH_${bpf}`,
				`-DTAG=${tag}`,
				`-I/usr/include/${include}`,
				...flags,
				'-c',
				join(fixtures, `${name}.bpf.c`),
				'-o',
				output,
			]);
			return output;
		},
		named: (name) => `${name}_${tag}`,
		remove: () => rmSync(directory, { recursive: true, force: true }),
	};
}

/** Names of what the kernel holds whose name has the tag. Links have no name; they are found by their program. */
export function inKernel(tag: string): string[] {
	const list = (what: string): { id: number; name?: string; prog_id?: number }[] => {
		// An entry that goes away while bpftool walks is an error to it, and others come and go on this machine.
		for (let attempt = 0; ; attempt++) {
			const run = spawnSync('bpftool', ['-j', what, 'show'], { encoding: 'utf8' });
			try {
				const entries: unknown = JSON.parse(run.stdout);
				if (Array.isArray(entries)) {
					return entries;
				}
			} catch {
				// as below
			}
			if (attempt === 20) {
				throw new Error(`bpftool ${what}: ${run.error?.message ?? ''} ${run.stdout} ${run.stderr}`);
			}
		}
	};
	const ours = (entry: { name?: string }): boolean => entry.name?.includes(tag) ?? false;
	const programs = list('prog').filter(ours);
	const ids = new Set(programs.map((program) => program.id));
	return [
		...programs.map((program) => `prog ${program.name}`),
		...list('map')
			.filter(ours)
			.map((map) => `map ${map.name}`),
		...list('link')
			.filter((link) => link.prog_id !== undefined && ids.has(link.prog_id))
			.map((link) => `link of ${link.prog_id}`),
	].sort();
}

/** The kernel frees after a grace period, hence later. Returns what is left after 10 s at the latest. */
export async function leftInKernel(tag: string): Promise<string[]> {
	const deadline = Date.now() + 10_000;
	for (;;) {
		const left = inKernel(tag);
		if (left.length === 0 || Date.now() > deadline) {
			return left;
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

/** What this process holds: BPF file descriptors, and memory maps of BPF maps. */
export function inProcess(): string[] {
	const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
		try {
			return [readlinkSync(`/proc/self/fd/${fd}`)];
		} catch {
			// The one that read the directory.
			return [];
		}
	});
	const pages = readFileSync('/proc/self/maps', 'utf8').split('\n');
	return [...descriptors, ...pages].filter((line) => /bpf|btf/.test(line) && !line.includes('libbpf'));
}

export function thrown(action: () => unknown): BpfError {
	try {
		action();
	} catch (error) {
		return error as BpfError;
	}
	throw new Error('nothing was thrown');
}

export interface Events {
	object: BpfObject;
	/** Only counted. */
	count(last?: number): void;
	/** A record of this many bytes into the ring. */
	record(bytes: number): void;
	discard(): void;
	/** The process number to send a signal to for an empty record; more for a longer one. */
	recordProcess: number;
	results(): { hits: number; last: number; refused: number };
}

/** Open `events.bpf.c`, let it listen to kill(2) with a number of our own, and load it. */
export function openEvents(native: BpfAddon, path: string, prepare: (object: BpfObject) => void = () => {}): Events {
	const nonce = randomInt(1 << 15);
	const object = native.open(path);
	object.setInitial('.rodata', 0, new Uint8Array(Uint32Array.of(machine().kill, nonce).buffer));
	prepare(object);
	object.load();
	const target = (operation: number): number => (1 << 30) | (nonce << 15) | (operation << 12);
	const send = (operation: number, size: number): void => {
		try {
			process.kill(target(operation) + size, 0);
		} catch {
			// ESRCH: no process can have this number.
		}
	};
	return {
		object,
		count: (last = 0) => send(0, last),
		record: (bytes) => send(1, bytes),
		discard: () => send(2, 0),
		recordProcess: target(1),
		results() {
			const words = new BigUint64Array(3);
			object.readMapped('.bss', new Uint8Array(words.buffer));
			const [hits, last, refused] = [...words].map(Number);
			return { hits: hits ?? 0, last: last ?? 0, refused: refused ?? 0 };
		},
	};
}
