/**
 * What every tracer's session does with its BPF object: open it, decide by the kernel's BTF which programs it can
 * have, set constants, size the per-CPU maps, load, attach, and afterwards hand over bytes, sum up the cost, close.
 * Whatever the kernel refuses comes out as an {@link Unavailable} in the user's words.
 */
import { existsSync } from 'node:fs';
import { Unavailable } from '../core/errors.ts';
import type { BpfAddon, BpfError, BpfObject } from '../core/native.ts';
import type { BpfCost, Host } from '../core/tracer.ts';
import { walk_result } from '../generated/lib.ts';
import type { Struct } from '../lib/decode.ts';
import { inUserNamespace, lacksSysAdmin, lockdown, missingCapabilities } from '../system/privilege.ts';

/** The generated `constants` of an object: where each variable of `.rodata` lies. */
export type ConstantLayout = Readonly<
	Record<string, { readonly section: string; readonly offset: number; readonly size: number }>
>;

export interface BpfSessionOptions<Layout extends ConstantLayout> {
	/** The generated `constants`. */
	layout: Layout;
	/** Values that differ from those in the C file. */
	constants?: { [Name in keyof Layout]?: number | bigint | boolean };
	/** Maps made by CPU_SHARDS: get one entry for each possible CPU. */
	shards?: readonly string[];
	/** Other maps whose size is known only now. */
	maxEntries?: Readonly<Record<string, number>>;
	/**
	 * Programs whose hook may be missing on a kernel, and what it costs to be without, to follow the hook's name (empty:
	 * nothing that is told here); without one of the others there is no session.
	 */
	optional?: Readonly<Record<string, string>>;
	/** Called before each program is attached, in the order of the C file, those before it being attached already. */
	beforeAttach?: (program: string, object: BpfObject) => void;
	/** Maps that are not made, for lack of support or of a use; their programs are in `without`, or never reach them. */
	withoutMaps?: readonly string[];
	/** Called when all is loaded and nothing attached. */
	loaded?: (object: BpfObject) => void;
	/** Programs not wanted at all (the other one of two variants, an extra that was not asked for). */
	without?: readonly string[];
}

/** Does the kernel have what a program hooks? Sections whose hook BTF does not describe count as there. */
export function hookExists(addon: BpfAddon, section: string): boolean {
	const [kind, target] = section.split('/') as [string, string | undefined];
	if (target === undefined) return true;
	switch (kind) {
		case 'tp_btf':
			return addon.hasType('typedef', `btf_trace_${target}`);
		case 'iter':
			return addon.hasType('struct', `bpf_iter__${target}`);
		case 'fentry':
		case 'fexit':
		case 'fmod_ret':
			return addon.hasType('func', target);
		default:
			return true;
	}
}

/** Section of programs that hook nothing: they run when they are asked to. */
const WALK = 'syscall';

/**
 * Open an object with its programs that walk all tasks, where this kernel has what they need (since 6.7) and takes them;
 * else without.
 */
export function openWalking(
	addon: BpfAddon,
	open: (walks: boolean) => BpfSession,
): { bpf: BpfSession; walks: boolean; missing: readonly string[] } {
	const able = ['bpf_iter_task_new', 'bpf_rcu_read_lock'].every((name) => addon.hasType('func', name));
	if (able) {
		try {
			const bpf = open(true);
			return { bpf, walks: true, missing: bpf.missing };
		} catch {
			// what else may be wrong is found again without them
		}
	}
	const bpf = open(false);
	const what = able ? 'programs that walk all tasks are refused' : 'no bpf_iter_task_new (Linux 6.7)';
	return {
		bpf,
		walks: false,
		missing: [...bpf.missing, `${what}: an iterator lists tasks, which costs twice as much`],
	};
}

/** The line of a verifier log that says what was wrong: the last one that is no statistics. */
function verdict(log: string): string {
	const lines = log.split('\n').map((line) => line.trim());
	return (
		lines.findLast(
			(line) =>
				line !== '' &&
				!/^(processed \d+ insns|-- (BEGIN|END)|libbpf: (failed to load|-- |prog '.*': (failed|-- )))/.test(line),
		) ?? ''
	);
}

/** Turn an error of the addon into words that say what to do about it. */
export function explain(host: Host, id: string, doing: string, error: unknown): Unavailable {
	if (error instanceof Unavailable) return error;
	const { code, message, log = '' } = error as Partial<BpfError>;
	if (code === 'EPERM' || code === 'EACCES') {
		const missing = missingCapabilities(host.procRoot);
		if (missing.length > 0) {
			return new Unavailable(
				`cannot ${doing}: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
				'run as root: sudo npm start',
				error,
			);
		}
		if (inUserNamespace(host.procRoot))
			return new Unavailable(
				`cannot ${doing}: the kernel gives no BPF to a user namespace (rootless container)`,
				'run as root of the machine, outside of it',
				error,
			);
		const mode = lockdown(host.sysRoot);
		if (!mode && lacksSysAdmin(host.procRoot))
			return new Unavailable(
				`cannot ${doing}: the kernel refuses it without CAP_SYS_ADMIN`,
				'run as root: sudo npm start',
				error,
			);
		if (mode)
			return new Unavailable(
				`cannot ${doing}: the kernel is locked down (${mode})`,
				'start the kernel with lockdown=integrity or lockdown=none',
				error,
			);
	}
	if (code === 'EMFILE' || code === 'ENFILE') {
		return new Unavailable(
			`cannot ${doing}: too many files are open (${code})`,
			code === 'EMFILE' ? 'allow more: ulimit -Hn 4096' : 'allow more: sysctl fs.file-max',
			error,
		);
	}
	const words = [message, verdict(log)].filter(Boolean).join(': ');
	return new Unavailable(
		`cannot ${doing}: ${words || String(error)}`,
		`please report this with the output of uname -r (tracer ${id})`,
		error,
	);
}

const INITIAL_BUFFER = 64 * 1024;

/** An attached BPF object. */
export class BpfSession {
	readonly object: BpfObject;
	/** Sections of the attached programs that hook something, e.g. `tp_btf/sched_switch`. */
	readonly hooks: readonly string[];
	readonly possibleCpus: number;
	/** What this kernel lacks and what that costs, a sentence each. */
	readonly missing: readonly string[];
	/** Names of the loaded programs. */
	private readonly programs: readonly string[];
	private readonly buffers = new Map<string, Uint8Array>();
	private readonly ringBytes: ReadonlyMap<string, number>;

	/** Use {@link openBpf}. */
	constructor(object: BpfObject, possibleCpus: number, missing: readonly string[]) {
		const loaded = object.programs().filter((program) => program.autoload);
		this.object = object;
		this.possibleCpus = possibleCpus;
		this.missing = missing;
		this.programs = loaded.map((program) => program.name);
		this.hooks = loaded
			.map((program) => program.section)
			.filter((section) => !section.startsWith('iter/') && section !== WALK);
		this.ringBytes = new Map(
			object
				.maps()
				.filter((map) => map.type === 'ringbuf')
				.map((map) => [map.name, map.maxEntries]),
		);
	}

	/** Was this program loaded and attached (see `optional`)? */
	has(program: string): boolean {
		return this.programs.includes(program);
	}

	/** All shards of a CPU_SHARDS map, by CPU number. No system call. Arrays inside are views: valid until the next call. */
	shards<T>(map: { readonly name: string; readonly value: Struct<T> }): T[] {
		// array maps keep their values 8 bytes apart at least
		const stride = (map.value.size + 7) & ~7;
		const buffer = this.buffer(map.name, stride * this.possibleCpus);
		this.object.readMapped(map.name, buffer);
		const view = viewOf(buffer);
		return Array.from({ length: this.possibleCpus }, (_, cpu) => map.value.read(view, cpu * stride));
	}

	/** Run an iterator program and return what it wrote, valid until the next call. It may run twice when its output grew. */
	iterate(program: string): DataView {
		let buffer = this.buffer(program, INITIAL_BUFFER);
		for (;;) {
			const written = this.object.iterate(program, buffer);
			if (written <= buffer.length) return viewOf(buffer.subarray(0, written));
			buffer = this.buffer(program, written + (written >> 2));
		}
	}

	/**
	 * Run a program that walks all tasks and tells of them in a ring (bpf/lib/walk.bpf.h). False: it did not come to its
	 * end, and what it told may be anything; then {@link iterate}.
	 */
	walk(program: string): boolean {
		return this.object.run(program) === walk_result.WALK_COMPLETE;
	}

	/**
	 * Hand each record that a ring buffer holds to `take`, with its offset in the view and its length. Records that come
	 * while this runs may be left for the next time, so a flood cannot hold the reader.
	 */
	drain(ring: string, take: (view: DataView, at: number, length: number) => void): void {
		const buffer = this.buffer(ring, INITIAL_BUFFER);
		const view = viewOf(buffer);
		const limit = this.ringBytes.get(ring) ?? 0;
		for (let total = 0; total <= limit; ) {
			const bytes = this.object.drain(ring, buffer);
			if (bytes === 0) return;
			for (let at = 0; at < bytes; ) {
				const length = view.getUint32(at, true);
				take(view, at + 8, length);
				at += 8 + ((length + 7) & ~7);
			}
			total += bytes;
		}
	}

	/** Sum over the programs. Times are only counted while the kernel's BPF statistics are on. */
	cost(): BpfCost {
		const cost = { ns: 0, runs: 0, recursionMisses: 0 };
		for (const program of this.programs) {
			const stats = this.object.stats(program);
			cost.ns += stats.ns;
			cost.runs += stats.runs;
			cost.recursionMisses += stats.recursionMisses;
		}
		return cost;
	}

	close(): void {
		this.buffers.clear();
		this.object.close();
	}

	/** A buffer of at least this size that lives as long as the session. */
	private buffer(name: string, size: number): Uint8Array {
		let buffer = this.buffers.get(name);
		if (!buffer || buffer.length < size) {
			buffer = new Uint8Array(size);
			this.buffers.set(name, buffer);
		}
		return buffer;
	}
}

export function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setConstants<Layout extends ConstantLayout>(object: BpfObject, options: BpfSessionOptions<Layout>): void {
	for (const [name, value] of Object.entries(options.constants ?? {})) {
		const place = options.layout[name];
		if (!place) throw new TypeError(`no constant ${name}`);
		const bytes = new Uint8Array(8);
		viewOf(bytes).setBigUint64(0, BigInt(value as number | bigint | boolean), true);
		object.setInitial(place.section, place.offset, bytes.subarray(0, place.size));
	}
}

/** Leave out the programs not wanted and the optional ones whose hook this kernel lacks; the hooks by what that costs. */
function choosePrograms(
	host: Host,
	object: BpfObject,
	optional: Readonly<Record<string, string>>,
	without: readonly string[],
): ReadonlyMap<string, readonly string[]> {
	const lacking = new Map<string, string[]>();
	for (const { name, section } of object.programs()) {
		if (without.includes(name)) {
			object.setAutoload(name, false);
		} else if (!hookExists(host.addon, section)) {
			const cost = optional[name];
			if (cost === undefined)
				throw new Unavailable(`this kernel has no ${section}`, 'use a newer kernel, or one built with this tracepoint');
			object.setAutoload(name, false);
			if (cost !== '') lacking.set(cost, [...(lacking.get(cost) ?? []), section]);
		}
	}
	return lacking;
}

/** `no tp_btf/block_split: …`, `no tp_btf/local_timer_entry and 13 others: …` */
function missingHooks(lacking: ReadonlyMap<string, readonly string[]>): string[] {
	return Array.from(lacking, ([cost, [first, ...others]]) => {
		const more = others.length === 0 ? '' : ` and ${others.length} other${others.length > 1 ? 's' : ''}`;
		return `no ${first}${more}: ${cost}`;
	});
}

/** Attach what was loaded, naming the hook that fails: libbpf's own words do not. */
function attachAll(
	host: Host,
	id: string,
	object: BpfObject,
	before?: (program: string, object: BpfObject) => void,
): void {
	for (const { name, section, autoload } of object.programs()) {
		if (!autoload || section === WALK) continue;
		try {
			before?.(name, object);
			object.attach(name);
		} catch (error) {
			throw explain(host, id, `attach ${section}`, error);
		}
	}
}

/** @throws {Unavailable} where the kernel does not describe its types */
export function requireTypes(addon: Pick<BpfAddon, 'hasType'>): void {
	if (addon.hasType('struct', 'task_struct')) return;
	throw new Unavailable(
		'the kernel does not describe its types (no BTF)',
		'use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as current distributions ship',
	);
}

/**
 * Open, load and attach the object of a tracer. Programs are attached in the order of the C file.
 * @throws {Unavailable} with what is missing and what to do; nothing stays behind then.
 */
export function openBpf<Layout extends ConstantLayout>(
	host: Host,
	id: string,
	options: BpfSessionOptions<Layout>,
): BpfSession {
	const path = host.objectPath(id);
	if (!existsSync(path))
		throw new Unavailable(`the BPF object ${path} was not built`, 'run npm start: it builds what is missing');
	requireTypes(host.addon);
	const possibleCpus = host.addon.possibleCpus();
	let object: BpfObject;
	try {
		object = host.addon.open(path);
	} catch (error) {
		throw explain(host, id, 'open the BPF object', error);
	}
	try {
		const lacking = choosePrograms(host, object, options.optional ?? {}, options.without ?? []);
		for (const map of options.withoutMaps ?? []) object.setAutocreate(map, false);
		setConstants(object, options);
		for (const map of options.shards ?? []) object.setMaxEntries(map, possibleCpus);
		for (const [map, entries] of Object.entries(options.maxEntries ?? {})) object.setMaxEntries(map, entries);
		object.load();
		options.loaded?.(object);
		attachAll(host, id, object, options.beforeAttach);
		return new BpfSession(object, possibleCpus, missingHooks(lacking));
	} catch (error) {
		object.close();
		throw explain(host, id, 'load BPF programs', error);
	}
}
