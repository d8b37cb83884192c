/**
 * Types of the BPF addon (`native/`), a thin layer over libbpf without knowledge of tracers: it opens an object, sets
 * constants, loads, attaches, copies bytes, closes. Every call is synchronous and short, and made by the sampling worker,
 * not by the thread that draws (except {@link BpfAddon.discardOutput} and {@link BpfAddon.guardTerminal}).
 *
 * Every method throws a {@link BpfError} when libbpf or the kernel refuses, and a `TypeError` with the same fields for an
 * argument of the wrong type. Nothing stays half-attached: `close()` releases everything the object holds, and also runs
 * when the object is collected or its thread ends.
 */
import { createRequire } from 'node:module';

/** An error of libbpf or the kernel. `message` is one line; `log` is the text of libbpf and the verifier, may be empty. */
export interface BpfError extends Error {
	/** Name of the errno (`EPERM`), or `EINVAL` for a misuse that the addon found. */
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
	/** Runs and time while statistics were on (see {@link BpfAddon.enableStats}); cumulative. */
	runs: number;
	ns: number;
	/** Runs the kernel skipped because the program was already running on that CPU; always counted. */
	recursionMisses: number;
}

export interface BpfObject {
	programs(): ProgramInfo[];
	maps(): MapInfo[];
	/** Before load: leave a program out, such as one whose hook this kernel lacks. */
	setAutoload(program: string, on: boolean): void;
	/** Before load: leave a map out that this kernel cannot create; no loaded program may reach it. */
	setAutocreate(map: string, on: boolean): void;
	/** Before load: overwrite bytes of an initialised section map (`.rodata`, `.data`, `.bss`). */
	setInitial(section: string, offset: number, bytes: Uint8Array): void;
	/** Before load; not for sections. The size of a ring buffer is rounded up to a size that the kernel accepts. */
	setMaxEntries(map: string, entries: number): void;
	/**
	 * Begin to load on a thread of its own; {@link load} waits for it. Until then no other method but `close` may be called,
	 * which waits for it, too.
	 */
	beginLoad(): void;
	/** A failure closes the object: open it again to try another set of programs. */
	load(): void;
	/**
	 * After load. An attached `iter/…` program is ready for {@link iterate}; it hooks nothing. Does nothing for an attached
	 * program.
	 */
	attach(program: string): void;
	/**
	 * After load, for a program of section `perf_event`: run it `frequency` times a second (1 to 100,000) on this CPU while
	 * that is not idle. {@link detach} ends it on all CPUs.
	 */
	attachClock(program: string, cpu: number, frequency: number): void;
	/** Does nothing for a program that is not attached. */
	detach(program: string): void;
	/**
	 * Run a BPF iterator once. Returns the bytes that the run wrote; where that is more than `into` holds, `into` has the
	 * first part, and the caller retries with a larger buffer.
	 */
	iterate(program: string, into: Uint8Array): number;
	/** Run a program of section `syscall` once, after load, without attaching it. Returns its return value as a u32. */
	run(program: string): number;
	/**
	 * Read a whole hash or array in batches. `keys` and `values` hold a multiple of key and value size (values of
	 * per-CPU maps: value size rounded up to 8 × possible CPUs). Returns the number of entries read; full buffers mean that
	 * there may be more. With `remove`, the entries are deleted in the same kernel operation (before Linux 5.14 not quite
	 * the same one where a buffer ends within a hash bucket), and the next call continues with the others.
	 */
	readBatch(map: string, keys: Uint8Array, values: Uint8Array, remove?: boolean): number;
	/**
	 * Copy from a memory-mapped map (section maps, arrays with BPF_F_MMAPABLE) without a system call. Returns the bytes
	 * copied, fewer than `into` holds at the map's end. The stride of array elements is the value size rounded up to 8. At
	 * an offset that is a multiple of 8, each aligned 8-byte word is read atomically.
	 */
	readMapped(map: string, into: Uint8Array, offset?: number): number;
	/** false when the key is absent. Of a queue (no bytes of key) the value that is taken out next. */
	lookup(map: string, key: Uint8Array, value: Uint8Array): boolean;
	/** Of a queue (no bytes of key): puts a value in. */
	update(map: string, key: Uint8Array, value: Uint8Array): void;
	/** false when the key was absent. */
	remove(map: string, key: Uint8Array): boolean;
	/**
	 * Consume records of a ring buffer, as many as fit, without waiting; an empty one costs no system call. Each record is
	 * framed as a u32 length, 4 bytes of padding, and the payload rounded up to 8. Returns bytes written; 0 when empty.
	 * Throws where the next record is larger than `into`.
	 */
	drain(ring: string, into: Uint8Array): number;
	stats(program: string): ProgramStats;
	/** Detach, unmap and close everything. Idempotent; all other methods throw afterwards. */
	close(): void;
}

/** A counting perf event of one CPU. */
export interface PerfCounter {
	/**
	 * The count since it was opened, and the time for which it was enabled and for which it counted (ns). Throws `ENODEV`
	 * where the hardware is gone or in use by others.
	 */
	read(): { value: bigint; enabledNs: number; runningNs: number };
	/** Its file descriptor, owned by the counter: for a map of perf events. */
	fd(): number;
	/** Idempotent. Also done when the counter is collected or its thread ends. */
	close(): void;
}

export interface NvmlDevice {
	name: string;
	/** Millijoules since the driver was loaded; null: this GPU does not count them (before Volta) or does not answer. */
	energyMj: number | null;
	/** Milliwatts now, null as above. */
	powerMw: number | null;
}

/** Use of a GPU by a process since a given time. The driver is known to return garbage: check before use. */
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
	/** Current figures of every GPU. */
	devices(): NvmlDevice[];
	/** Samples younger than `since` (µs as in {@link NvmlSample.timeUs}, 0: all); null: this GPU has none. */
	samples(index: number, since: number): NvmlSample[] | null;
	/** Idempotent. Also done when the handle is collected or its thread ends. */
	close(): void;
}

export interface BpfAddon {
	libbpfVersion(): string;
	possibleCpus(): number;
	/**
	 * Does the running kernel's BTF have a type of this name (`btf_trace_softirq_raise`, `task_struct`)? false without BTF.
	 * Types of modules are not searched; `struct` also finds unions. The first call takes about 10 ms.
	 */
	hasType(kind: 'typedef' | 'struct' | 'enum' | 'func', name: string): boolean;
	/** Does the kernel's struct have this member (anonymous members are searched)? */
	hasMember(struct: string, member: string): boolean;
	/** Names and values of an enum of the kernel, in its order; empty: it has none of this name. Values as unsigned. */
	enumValues(name: string): { name: string; value: number }[];
	/** Number of arguments of a tracepoint (`kfree_skb`); 0: this kernel has no such tracepoint. */
	tracepointArguments(name: string): number;
	/** Make the kernel count runs and time of BPF programs until the handle is closed. Costs about 60 ns per run. */
	enableStats(): { close(): void };
	/**
	 * Release the memory of the whole process that only its start needed: the kernel's types, free heap, pages of the
	 * executable. Returns the bytes of the executable's mappings that were dropped. Takes a few ms; pages are loaded again
	 * on use.
	 */
	releaseMemory(): number;
	/**
	 * Bytes of the path of the control group with this id, as this process sees the hierarchy mounted at `mount`; none: the
	 * group has gone. Costs a few µs however many groups there are. Throws `EPERM` without CAP_DAC_READ_SEARCH.
	 */
	cgroupPath(mount: string, id: number): Uint8Array;
	/**
	 * Drop output to the terminal with this file descriptor that it has not read yet. Throws `ENOTTY` for anything but a
	 * terminal, `EBADF`, `EIO` for one that is gone.
	 */
	discardOutput(fd: number): void;
	/**
	 * From now on a crash of the process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, …) in any thread first drops what the
	 * terminal with this file descriptor has not read, writes `text` (at most 512 bytes) to it and ends its raw mode. One
	 * terminal per process; an empty text ends this.
	 */
	guardTerminal(fd: number, text: Uint8Array): void;
	/**
	 * Lock the open file with this descriptor (flock), until it is closed or the process ends in whatever way. false: another
	 * open file has the lock.
	 */
	lockFile(fd: number): boolean;
	/**
	 * The process that changed a System V semaphore of this IPC namespace last; 0: none has, or it is not visible from here. Throws
	 * `EINVAL`, `EIDRM` where there is none of this id, `EFBIG` of this number, `EACCES`.
	 */
	semaphorePid(id: number, number: number): number;
	open(path: string): BpfObject;
	/** Open a perf event by PMU type and config, for everything on one CPU. Throws `EACCES`, `ENOENT`, `ENODEV`, … */
	openCounter(type: number, config: number, cpu: number): PerfCounter;
	/** Load NVIDIA's library. Throws `ENOENT` when it is absent, `EIO` when it finds no driver. */
	openNvml(path: string): Nvml;
}

/** Load the addon. Throws where it was not built or the machine lacks libbpf. */
export function loadAddon(path: string): BpfAddon {
	return createRequire(import.meta.url)(path) as BpfAddon;
}
