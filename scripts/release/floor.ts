/**
 * Linking against an old glibc without having one: a stand-in library with, of each symbol asked for, the newest version
 * that is not above the floor. Versions come from a current glibc, which still has all older ones. An addon linked so
 * runs on the floor's release, and the build fails, with names, where a symbol needs a later one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../exec.ts';
import { type DynamicSymbol, type Elf, readElf } from './elf.ts';
import type { Toolchain } from './toolchain.ts';

/** The release that Node's own binaries need. */
export const FLOOR = '2.28';

/** Symbols that the program which loads the addon has to have: Node-API, and one function of libuv. */
export function isOfNode(name: string): boolean {
	return name.startsWith('napi_') || name.startsWith('node_api_') || name === 'uv_tty_reset_mode';
}

export function compareVersions(a: string, b: string): number {
	const numbers = (text: string): number[] => text.split('.').map(Number);
	const [left, right] = [numbers(a), numbers(b)];
	for (let index = 0; index < Math.max(left.length, right.length); index++) {
		const difference = (left[index] ?? 0) - (right[index] ?? 0);
		if (difference !== 0) return difference;
	}
	return 0;
}

/** `GLIBC_2.17` → 2.17; undefined for GLIBC_PRIVATE, versions of other libraries and none. */
export function glibcVersion({ version = '' }: Pick<DynamicSymbol, 'version'>): string | undefined {
	return /^GLIBC_(\d[\d.]*)$/.exec(version)?.[1];
}

/** The highest release of glibc that a file's symbols need; undefined: none of them has a version. */
export function highestGlibc(elf: Elf): string | undefined {
	return elf.symbols
		.map(glibcVersion)
		.filter((version) => version !== undefined)
		.sort(compareVersions)
		.at(-1);
}

/** Versions of a library's definitions by symbol, oldest first. */
function definitions(elf: Elf): Map<string, { version: string; symbol: DynamicSymbol }[]> {
	const all = new Map<string, { version: string; symbol: DynamicSymbol }[]>();
	for (const symbol of elf.symbols) {
		const version = symbol.defined ? glibcVersion(symbol) : undefined;
		if (version === undefined) continue;
		const list = all.get(symbol.name) ?? [];
		list.push({ version, symbol });
		all.set(
			symbol.name,
			list.sort((a, b) => compareVersions(a.version, b.version)),
		);
	}
	return all;
}

export interface Stub {
	/** Of symbols, with the version that each gets. */
	versions: Map<string, string>;
	/** Of symbols that the library has, all above the floor. */
	tooNew: string[];
	/** Objects of the library, with their sizes. */
	objects: Map<string, number>;
}

/** What the stand-in for `library` has to have for these undefined symbols. */
export function planStub(library: Elf, wanted: readonly string[], floor: string): Stub {
	const defined = definitions(library);
	const stub: Stub = { versions: new Map(), tooNew: [], objects: new Map() };
	for (const name of wanted) {
		const candidates = defined.get(name);
		if (!candidates) continue;
		const chosen = candidates.filter(({ version }) => compareVersions(version, floor) <= 0).at(-1);
		if (!chosen) stub.tooNew.push(name);
		else {
			stub.versions.set(name, chosen.version);
			if (chosen.symbol.isObject) stub.objects.set(name, chosen.symbol.size);
		}
	}
	return stub;
}

function assembly({ versions, objects }: Stub): string {
	return [...versions.keys()]
		.map((name) => {
			const size = objects.get(name);
			return size === undefined
				? `.text\n.globl ${name}\n.type ${name},%function\n${name}: .byte 0\n`
				: `.data\n.globl ${name}\n.type ${name},%object\n.size ${name},${size}\n${name}: .zero ${size}\n`;
		})
		.join('');
}

function versionScript({ versions }: Stub): string {
	const nodes = [...new Set(versions.values())].sort(compareVersions);
	return nodes
		.map((version) => {
			const names = [...versions].filter(([, own]) => own === version).map(([name]) => `${name};`);
			return `GLIBC_${version} { global: ${names.join(' ')} };\n`;
		})
		.join('');
}

/**
 * Build stand-ins for the C library's files and return their paths. Only those that define something are made.
 * @throws where a symbol is in none of them, or newer than the floor
 */
export function buildStubs(
	toolchain: Toolchain,
	files: readonly string[],
	wanted: readonly string[],
	folder: string,
): string[] {
	mkdirSync(folder, { recursive: true });
	const built: string[] = [];
	const missing = new Set(wanted);
	const tooNew: string[] = [];
	for (const file of files) {
		const library = readElf(toolchain.libcFile(file));
		const stub = planStub(library, [...missing], FLOOR);
		tooNew.push(...stub.tooNew);
		for (const name of [...stub.versions.keys(), ...stub.tooNew]) missing.delete(name);
		if (stub.versions.size === 0) continue;
		const [source, script, output] = ['.s', '.map', ''].map((ending) => join(folder, `${file}${ending}`)) as [
			string,
			string,
			string,
		];
		writeFileSync(source, assembly(stub));
		writeFileSync(script, versionScript(stub));
		const [command, ...words] = toolchain.link();
		run(command as string, [
			...words,
			'-shared',
			`-Wl,-soname,${library.soname ?? file}`,
			`-Wl,--version-script=${script}`,
			source,
			'-o',
			output,
		]);
		built.push(output);
	}
	if (tooNew.length > 0) throw new Error(`needs a glibc above ${FLOOR}: ${tooNew.join(', ')}`);
	if (missing.size > 0) throw new Error(`in no library: ${[...missing].join(', ')}`);
	return built;
}
