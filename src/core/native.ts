/**
 * The typed edge of the BPF addon (`native/`). The addon is a thin layer over libbpf and knows no tracer: it opens an
 * object, sets constants, loads, attaches, hands over bytes, closes. Everything here is synchronous and short, and
 * meant for the sampling worker, never for the thread that draws (but for {@link BpfAddon.discardOutput} and
 * {@link BpfAddon.guardTerminal}).
 *
 * Every method throws a {@link BpfError} when libbpf or the kernel refuses, and a `TypeError` with the same fields for an
 * argument of the wrong type; nothing is half-attached afterwards: `close()` releases all that the object holds, and is
 * also run when the object is collected or its thread ends.
 */
import { createRequire } from 'node:module';

/** What libbpf or the kernel said. `message` is one line; `log` is libbpf's and the verifier's text, may be empty. */
export interface BpfError extends Error {
	/** errno name (`EPERM`), or `EINVAL` for a misuse found by the addon. */
	code: string;
	log: string;
}

export interface ProgramInfo {
	name: string;
	/** ELF section, e.g. `tp_btf/sched_switch`, `iter/task`. */
	section: string;
	autoload: boolean;
	attached: boolean;
}

export interface MapInfo {
	name: string;
	/** Kernel's name of the map type without prefix: `hash`, `array`, `ringbuf`, `task_storage`, … */
	type: string;
	keySize: number;
	valueSize: number;
	maxEntries: number;
}

export interface ProgramStats {
	/** Runs and time while statistics were enabled (see {@link BpfAddon.enableStats}); cumulative. */
	runs: number;
	ns: number;
	/** Runs the kernel skipped because the program was already running on that CPU; always counted. */
	recursionMisses: number;
}

export interface BpfObject {
	programs(): ProgramInfo[];
	maps(): MapInfo[];
	/** Before load: leave a program out (a hook this kernel lacks). */
	setAutoload(program: string, on: boolean): void;
	/** Before load: leave a map out that this kernel cannot make; no program that is loaded may reach it. */
	setAutocreate(map: string, on: boolean): void;
	/** Before load: overwrite bytes of an initialised section map (`.rodata`, `.data`, `.bss`). */
	setInitial(section: string, offset: number, bytes: Uint8Array): void;
	/** Before load; not for sections. The size of a ring buffer is rounded up to what the kernel takes. */
	setMaxEntries(map: string, entries: number): void;
	/** When it fails the object is closed: open it again to try another set of programs. */
	load(): void;
	/**
	 * After load. Attaching an `iter/…` program makes it ready for {@link iterate}; it hooks nothing. What is attached
	 * already stays so.
	 */
	attach(program: string): void;
	/** Nothing happens when it is not attached. */
	detach(program: string): void;
	/**
	 * Run a BPF iterator once. Returns how many bytes its run wrote; when that is more than `into` holds, `into` has
	 * the first part and the caller retries with a larger buffer.
	 */
	iterate(program: string, into: Uint8Array): number;
	/** Run a program of section `syscall` once, after load; nothing is to be attached. Returns what it returned, as a u32. */
	run(program: string): number;
	/**
	 * Read a whole hash or array in batches. `keys` and `values` hold a multiple of key and value size (values of
	 * per-CPU maps: value size rounded up to 8 × possible CPUs). Returns entries read: as many as fit, so when both are
	 * full there may be more. With `remove`, entries read are deleted in the same kernel operation (before Linux 5.14 not
	 * quite the same one when a buffer ends within a hash bucket), and the next call goes on with the others.
	 */
	readBatch(map: string, keys: Uint8Array, values: Uint8Array, remove?: boolean): number;
	/**
	 * Copy from a memory-mapped map (section maps, arrays with BPF_F_MMAPABLE) without a system call. Returns bytes copied,
	 * fewer than `into` holds at the map's end. Array elements are value size rounded up to 8 apart. At an offset that is
	 * a multiple of 8, each aligned 8-byte word is read whole.
	 */
	readMapped(map: string, into: Uint8Array, offset?: number): number;
	/** false when the key is absent. */
	lookup(map: string, key: Uint8Array, value: Uint8Array): boolean;
	update(map: string, key: Uint8Array, value: Uint8Array): void;
	/** false when the key was absent. */
	remove(map: string, key: Uint8Array): boolean;
	/**
	 * Take what a ring buffer holds, as far as it fits, without waiting; an empty one costs no system call. Each record is
	 * framed as a u32 length, 4 bytes of padding, and the payload rounded up to 8. Returns bytes written; 0 when empty.
	 * Throws when the next record needs more than all of `into`.
	 */
	drain(ring: string, into: Uint8Array): number;
	stats(program: string): ProgramStats;
	/** Detach, unmap and close everything. Idempotent; every other method throws afterwards. */
	close(): void;
}

/** A counting perf event of one CPU. */
export interface PerfCounter {
	/**
	 * The count since it was opened, and the time it was enabled and really counting (ns). Throws `ENODEV` when the
	 * hardware went away, or others have taken it.
	 */
	read(): { value: bigint; enabledNs: number; runningNs: number };
	/** Its file descriptor, which stays the counter's: for a map of perf events. */
	fd(): number;
	/** Idempotent. Also done when the counter is collected or its thread ends. */
	close(): void;
}

export interface NvmlDevice {
	name: string;
	/** Millijoules since the driver was loaded; null: this GPU does not count (before Volta) or does not answer. */
	energyMj: number | null;
	/** Milliwatts now, null as above. */
	powerMw: number | null;
}

/** How busy a process kept a GPU since the time asked for. The driver is known to hand out garbage: check before use. */
export interface NvmlSample {
	/** As the driver sees it: the initial pid namespace. */
	pid: number;
	/** Wall clock, µs. */
	timeUs: number;
	/** Percent of the time in which a kernel of the process ran. */
	sm: number;
}

/** NVIDIA's management library. */
export interface Nvml {
	/** What every GPU tells now. */
	devices(): NvmlDevice[];
	/** Samples younger than `since` (µs as in {@link NvmlSample.timeUs}, 0: all); null: this GPU cannot tell. */
	samples(index: number, since: number): NvmlSample[] | null;
	/** Idempotent. Also done when the handle is collected or its thread ends. */
	close(): void;
}

export interface BpfAddon {
	libbpfVersion(): string;
	possibleCpus(): number;
	/**
	 * Does the running kernel's BTF have a type of this name (`btf_trace_softirq_raise`, `task_struct`)? false without BTF.
	 * Types of modules are not looked at; `struct` also finds unions. The first question takes about 10 ms.
	 */
	hasType(kind: 'typedef' | 'struct' | 'enum' | 'func', name: string): boolean;
	/** Does the kernel's struct have this member (anonymous members are searched)? */
	hasMember(struct: string, member: string): boolean;
	/** Let the kernel count runs and time of BPF programs until the returned handle is closed. Costs about 60 ns per run. */
	enableStats(): { close(): void };
	/**
	 * Give back the memory of the whole process that only its start needed: the kernel's types, free heap, pages of the
	 * executable. Returns the bytes of the executable's mappings that were dropped. Takes a few ms, later pages come back
	 * as they are used.
	 */
	releaseMemory(): number;
	/**
	 * Bytes of the path of the control group with this id, as this process sees the hierarchy mounted at `mount`; none: the
	 * group has gone. Costs a few µs however many groups there are. Throws `EPERM` without CAP_DAC_READ_SEARCH.
	 */
	cgroupPath(mount: string, id: number): Uint8Array;
	/**
	 * Drop what was written to the terminal with this file descriptor and not read there yet. Throws `ENOTTY` for what is
	 * no terminal, `EBADF`, `EIO` for one that is gone.
	 */
	discardOutput(fd: number): void;
	/**
	 * From now on a crash of the process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, …) in any thread drops what the terminal with
	 * this file descriptor has not read, writes `text` (at most 512 bytes) to it and takes back its raw mode, before it takes
	 * its course. One terminal for the process; an empty text: no more.
	 */
	guardTerminal(fd: number, text: Uint8Array): void;
	open(path: string): BpfObject;
	/** Open a perf event by PMU type and config, for everything on one CPU. Throws `EACCES`, `ENOENT`, `ENODEV`, … */
	openCounter(type: number, config: number, cpu: number): PerfCounter;
	/** Load NVIDIA's library. Throws `ENOENT` when it is absent, `EIO` when it finds no driver. */
	openNvml(path: string): Nvml;
}

/** Load the addon. Throws when it was not built or libbpf is missing on this machine. */
export function loadAddon(path: string): BpfAddon {
	return createRequire(import.meta.url)(path) as BpfAddon;
}
