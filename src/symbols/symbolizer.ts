/** From addresses of stacks to names: of the kernel, of programs and libraries, of compiled code. */
import { basename } from 'node:path';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Debuginfod } from './debuginfod.ts';
import { canDemangle, demangle, loadDemangler } from './demangle.ts';
import type { UnwindRow } from './eh-frame.ts';
import { readKallsyms } from './kallsyms.ts';
import { LateSymbols } from './late.ts';
import { type Mapping, mappingAt, mapsOf } from './mappings.ts';
import { type Module, Modules, servedDevices } from './modules.ts';
import { type ReadMap, readPerfMap } from './perf-map.ts';
import { pythonTrampolineRow } from './python-trampoline.ts';
import type { Found, SymbolTable } from './table.ts';
import { type CopiedStack, Unwinder, type Unwound } from './unwind.ts';
import { readVdso } from './vdso.ts';

export type FrameKind = 'kernel' | 'user' | 'jit';

/** A function, as far as it is known. Equal functions are the same object. */
export interface Frame {
	/** Name in the source; `[libc.so.6]`: some function of that file; `[unknown]`: not in any file. */
	name: SafeText;
	/** File name of the program or library, kernel module, `kernel`; empty: not known. */
	module: SafeText;
	/** Of the module; empty: it has none. */
	buildId: string;
	kind: FrameKind;
	/** The outermost function of a process or thread: a stack that ends there is whole. */
	root: boolean;
	/** A symbol was found. */
	named: boolean;
}

/** Functions that others are called from. */
const ROOTS = new Set([
	'_start',
	'__libc_start_main',
	'__libc_start_call_main',
	'__libc_start_main@@GLIBC_2.34',
	'main',
	'clone',
	'__clone',
	'clone3',
	'__clone3',
	'start_thread',
	'runtime.goexit',
	'runtime.goexit.abi0',
	'runtime.mstart',
	'runtime.rt0_go',
	'runtime.rt0_go.abi0',
	'runtime.systemstack',
	'runtime.morestack',
]);

/** Address spaces that are remembered; the one used longest ago goes first. */
const MAX_SPACES = 4096;
/** Names that are remembered of one table. */
const MAX_NAMES = 200_000;
/** Bytes of a variable of the kernel, at most. */
const MAX_VARIABLE = 4096;
/** ms between two reads of the mappings of one process. */
const REREAD = 500;
/** Of all names of compiled code. */
const MAX_MAP_BYTES = 128 << 20;
/** A map that grows all the time is read for this part of the time, one of so many. */
const REREAD_SHARE = 50;

const anonymous = /^(|\/\/anon|\[anon.*|\[heap\]|\[stack\]|\/memfd:.*|\/dev\/zero.*|\/SYSV.*)$/;

/** Where a frame of a process comes from. */
class AddressSpace {
	readonly pid: number;
	mappings: readonly Mapping[] = [];
	/** By {@link moduleKey}; none: anonymous. */
	readonly modules = new Map<string, Module>();
	perfMap: ReadMap | undefined;
	readAt = Number.NEGATIVE_INFINITY;
	/** ms; not read again before. */
	perfMapNext = Number.NEGATIVE_INFINITY;

	constructor(pid: number) {
		this.pid = pid;
	}
}

/** Another file may be mapped to the same addresses later. */
function moduleKey({ range, inode }: Mapping): string {
	return `${range} ${inode}`;
}

export class Symbolizer {
	/** Processes that had ended before their mappings were read. */
	ended = 0;
	private readonly procRoot: string;
	private readonly modules: Modules;
	private readonly spaces = new Map<string, AddressSpace>();
	private readonly frames = new Map<string, Frame>();
	private readonly names = new WeakMap<object, Map<number, SafeText>>();
	private kernel: SymbolTable | undefined | null = null;
	private data: SymbolTable | undefined | null = null;
	private vdso: Module | undefined;
	private unwinder: Unwinder | undefined;
	private unwound: AddressSpace | undefined;

	/** Symbols that come later: names may be better then. */
	readonly late: LateSymbols;

	/**
	 * @param unwinds read the files' tables for {@link unwind}, too
	 * @param server of debuginfod; undefined: none is asked
	 */
	constructor(procRoot: string, unwinds = false, server?: Debuginfod) {
		this.procRoot = procRoot;
		this.late = new LateSymbols(server);
		this.modules = new Modules(procRoot, unwinds, this.late);
		void loadDemangler();
	}

	/** Bytes of symbols in memory. */
	get bytes(): number {
		return this.modules.bytes + (this.kernel?.bytes ?? 0) + this.mapBytes();
	}

	/** The kernel's addresses are hidden: its frames have no names. */
	get kernelHidden(): boolean {
		return this.kernelTable() === undefined;
	}

	/**
	 * Read the mappings of a process while it exists. `space` is an identity that changes with exec. `parent`: the process whose
	 * mappings it had from its fork on, which serve where it has ended; 0: none.
	 */
	learn(space: string, pid: number, parent = 0): void {
		if (this.spaces.has(space)) return;
		const known = new AddressSpace(pid);
		this.spaces.set(space, known);
		for (const oldest of this.spaces.keys()) {
			if (this.spaces.size <= MAX_SPACES) break;
			this.spaces.delete(oldest);
		}
		if (this.read(known)) return;
		if (parent > 0 && this.read(known, parent)) return;
		this.ended++;
	}

	/** @param called an address behind a call instruction, as all frames but the innermost one have it */
	kernelFrame(address: number, called: boolean): Frame {
		const table = this.kernelTable();
		const found = table?.find(called ? address - 1 : address);
		if (!table || !found) return this.frame(safe`[kernel]`, safe`kernel`, '', 'kernel', false, false);
		const name = this.nameOf(table, found);
		return this.frame(name, safe`kernel`, '', 'kernel', false, true);
	}

	/** The variable of the kernel that an address is in. */
	kernelData(address: number): SafeText | undefined {
		if (this.data === null) this.data = readKallsyms(this.procRoot, true);
		const found = this.data?.find(address);
		// a symbol has no size: what is far behind it is another object
		return found && address - found.start < MAX_VARIABLE ? this.nameOf(this.data as object, found) : undefined;
	}

	userFrame(space: string, address: number, called: boolean): Frame {
		const known = this.spaces.get(space);
		const unknown = () => this.frame(safe`[unknown]`, safe``, '', 'user', false, false);
		if (!known || address < 0) return unknown();
		const at = called ? address - 1 : address;
		const mapping = this.mappingOf(known, at);
		if (!mapping) return unknown();
		const { path } = mapping;
		if (path === '[vdso]' || path === '[vsyscall]') {
			this.vdso ??= readVdso(this.procRoot);
			return this.moduleFrame(this.vdso, safe`[vdso]`, at - mapping.start);
		}
		const module = known.modules.get(moduleKey(mapping));
		// a program may run from memory: a memfd is a file like others, unless it holds compiled code
		if (!module || (anonymous.test(path) && !module.isProgram)) return this.compiledFrame(known, at, path);
		const name = sanitize(basename(path.replace(/ \(deleted\)$/, '')).slice(0, 128));
		const frame = this.moduleFrame(module, name, at - mapping.start + mapping.offset);
		// a program that maps its own compiled code from a file
		return frame.named || !known.perfMap ? frame : this.compiledFrame(known, at, path, frame);
	}

	/** The frames of a copied stack, at most `limit`; none: nothing is known of its process. */
	unwind(space: string, stack: CopiedStack, limit: number): Unwound {
		const known = this.spaces.get(space);
		if (!known || known.mappings.length === 0) return { frames: [], end: 'ended' };
		this.unwinder ??= new Unwinder((address) => this.rowAt(address));
		this.unwound = known;
		const unwound = this.unwinder.unwind(stack, limit);
		if (unwound.end !== 'no_tables') return unwound;
		const mapping = mappingAt(known.mappings, unwound.frames.at(-1) as number);
		return mapping && anonymous.test(mapping.path) ? { ...unwound, end: 'compiled' } : unwound;
	}

	/** In the address space that is unwound now. */
	private rowAt(address: number): UnwindRow | undefined | null {
		const space = this.unwound as AddressSpace;
		const mapping = this.mappingOf(space, address);
		if (!mapping) return null;
		if (mapping.path === '[vdso]') {
			this.vdso ??= readVdso(this.procRoot);
			return this.vdso.unwindRow(address - mapping.start);
		}
		const row = space.modules.get(moduleKey(mapping))?.unwindRow(address - mapping.start + mapping.offset);
		return row ?? this.trampolineRow(space, address, mapping.path);
	}

	/** Python's trampolines have neither tables nor frame pointers, but names in its map. */
	private trampolineRow(space: AddressSpace, address: number, path: string): UnwindRow | undefined {
		if (!anonymous.test(path)) return undefined;
		const found = this.compiledAt(space, address);
		return found && pythonTrampolineRow(found, address);
	}

	private mappingOf(space: AddressSpace, address: number): Mapping | undefined {
		const found = mappingAt(space.mappings, address);
		return found ?? (this.read(space) ? mappingAt(space.mappings, address) : undefined);
	}

	private moduleFrame(module: Module, file: SafeText, offset: number): Frame {
		const found = module.find(offset);
		const entry = module.isEntry(offset);
		const { buildId } = module;
		if (!found) return this.frame(entry ? safe`_start` : safe`[${file}]`, file, buildId, 'user', entry, entry);
		return this.frame(this.nameOf(module, found), file, buildId, 'user', entry, true);
	}

	/** In the map of compiled code, which is read again where it does not have the address. */
	private compiledAt(space: AddressSpace, address: number): Found | undefined {
		const known = space.perfMap?.map.find(address);
		if (known) return known;
		this.readPerfMap(space);
		return space.perfMap?.map.find(address);
	}

	private compiledFrame(space: AddressSpace, address: number, path: string, otherwise?: Frame): Frame {
		const found = this.compiledAt(space, address);
		if (found) return this.frame(sanitize(found.name), safe`JIT`, '', 'jit', false, true);
		const what = path === '' || path.startsWith('/') ? safe`[anonymous]` : sanitize(path.slice(0, 64));
		return otherwise ?? this.frame(what, safe``, '', 'jit', false, false);
	}

	private frame(
		name: SafeText,
		module: SafeText,
		buildId: string,
		kind: FrameKind,
		entry: boolean,
		named: boolean,
	): Frame {
		const key = `${kind}\0${name}\0${module}\0${buildId}`;
		let frame = this.frames.get(key);
		if (!frame) {
			frame = { name, module, buildId, kind, root: entry || (kind === 'user' && ROOTS.has(name)), named };
			this.frames.set(key, frame);
		}
		return frame;
	}

	private nameOf(owner: object, { name, start }: Found): SafeText {
		let names = this.names.get(owner);
		if (!names) {
			names = new Map();
			this.names.set(owner, names);
		}
		const known = names.get(start);
		if (known !== undefined) return known;
		const text = sanitize(demangle(Buffer.from(name.buffer, name.byteOffset, name.length).toString('utf8')));
		// names stay mangled only until the demangler is loaded
		if (canDemangle() && names.size < MAX_NAMES) names.set(start, text);
		return text;
	}

	private kernelTable(): SymbolTable | undefined {
		if (this.kernel === null) this.kernel = readKallsyms(this.procRoot);
		return this.kernel;
	}

	/** false: it was read just now, or the process has gone. */
	private read(space: AddressSpace, pid = space.pid): boolean {
		const now = performance.now();
		if (pid === space.pid && now - space.readAt < REREAD) return false;
		space.readAt = now;
		try {
			const { mappings, id } = mapsOf(this.procRoot, pid);
			// a process in its exit has none any more
			if (mappings.length === 0) return false;
			const served = servedDevices(this.procRoot, id);
			for (const mapping of mappings) {
				if (mapping.inode === '0' || space.modules.has(moduleKey(mapping))) continue;
				space.modules.set(moduleKey(mapping), this.modules.of(id, mapping, served));
			}
			space.mappings = mappings;
			return true;
		} catch {
			return false;
		}
	}

	private mapBytes(): number {
		let sum = 0;
		for (const { perfMap } of this.spaces.values()) sum += perfMap?.map.bytes ?? 0;
		return sum;
	}

	/** The maps of the processes seen first go first. */
	private boundMaps(latest: AddressSpace): void {
		let sum = this.mapBytes();
		for (const space of this.spaces.values()) {
			if (sum <= MAX_MAP_BYTES) return;
			if (space === latest) continue;
			sum -= space.perfMap?.map.bytes ?? 0;
			space.perfMap = undefined;
		}
	}

	private readPerfMap(space: AddressSpace): void {
		const now = performance.now();
		if (now < space.perfMapNext) return;
		space.perfMap = readPerfMap(this.procRoot, space.pid, space.perfMap) ?? space.perfMap;
		const took = performance.now() - now;
		space.perfMapNext = now + Math.max(REREAD, took * REREAD_SHARE);
		this.boundMaps(space);
	}
}
