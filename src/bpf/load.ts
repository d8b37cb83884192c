/**
 * Loads the BPF object of a tracer: chooses its programs by the kernel's BTF, sets constants, sizes the per-CPU maps,
 * loads and attaches. A refusal of the kernel becomes an {@link Unavailable} with cause and fix.
 */
import { existsSync } from 'node:fs';
import { debug } from '../core/debug-log.ts';
import { Unavailable } from '../core/errors.ts';
import type { BpfAddon, BpfObject } from '../core/native.ts';
import type { Host } from '../core/tracer.ts';
import { viewOf } from '../lib/decode.ts';
import { BpfSession, CLOCK_SECTION, RUNS, WALK_SECTION } from './bpf-session.ts';
import { explain } from './explain.ts';
import { fillStore, type StoreSize, storeMaps } from './keyed-store.ts';
import { possibleCpusOf } from './possible-cpus.ts';

/** The generated `constants` of an object: section, offset and size of each variable. */
export type ConstantLayout = Readonly<
	Record<string, { readonly section: string; readonly offset: number; readonly size: number }>
>;

export interface BpfSessionOptions<Layout extends ConstantLayout> {
	/** The generated `constants`. */
	layout?: Layout;
	/** Values that differ from those in the C file. */
	constants?: { [Name in keyof Layout]?: number | bigint | boolean };
	/** Maps made by CPU_SHARDS: one entry for each possible CPU. */
	shards?: readonly string[];
	/** Stores made by KEYED_STORE, by name. */
	stores?: Readonly<Record<string, StoreSize>>;
	/** Entries of other maps whose size depends on the machine. */
	maxEntries?: Readonly<Record<string, number>>;
	/**
	 * Programs whose hook a kernel may lack, with the cost of that, to follow the hook's name (empty: not reported). A
	 * missing hook of any other program is an {@link Unavailable}.
	 */
	optional?: Readonly<Record<string, string>>;
	/** Called before each program is attached, in the order of the C file. */
	beforeAttach?: (program: string, object: BpfObject) => void;
	/** Maps that are not created, since the kernel lacks them or nothing uses them; no loaded program may reach them. */
	withoutMaps?: readonly string[];
	/** Called after loading, before the first program is attached. */
	loaded?: (object: BpfObject) => void;
	/** The generated `counted_program` of an object whose programs count their runs (bpf/lib/runs.bpf.h). */
	counted?: Readonly<Record<string, number>>;
	/** Programs that are not loaded (the other one of two variants, an extra that is off). */
	without?: readonly string[];
}

/** Does the kernel have the hook of a section? True for kinds of hooks that BTF does not describe. */
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

/**
 * Open an object with its programs that walk all tasks, or without them where the kernel lacks the iterator (before 6.7)
 * or refuses them.
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
			// any other cause fails again below, and is reported there
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

/** Sizes the maps of all stores. Returns their constants. */
function sizeStores(object: BpfObject, stores: Readonly<Record<string, StoreSize>>, possibleCpus: number) {
	const constants: Record<string, number> = {};
	for (const [name, size] of Object.entries(stores)) {
		const { constant, maxEntries } = storeMaps(name, size, possibleCpus);
		constants[constant] = size.bits;
		for (const [map, entries] of Object.entries(maxEntries)) object.setMaxEntries(map, entries);
	}
	return constants;
}

function setConstants<Layout extends ConstantLayout>(
	object: BpfObject,
	options: BpfSessionOptions<Layout>,
	ofStores: Readonly<Record<string, number>>,
): void {
	for (const [name, value] of Object.entries({ ...options.constants, ...ofStores })) {
		const constant = options.layout?.[name];
		if (!constant) throw new TypeError(`no constant ${name}`);
		const bytes = new Uint8Array(8);
		viewOf(bytes).setBigUint64(0, BigInt(value as number | bigint | boolean), true);
		object.setInitial(constant.section, constant.offset, bytes.subarray(0, constant.size));
	}
}

/** Leave out programs in `without` and optional ones whose hook this kernel lacks. Returns the missing hooks by their cost. */
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

/** Attach the loaded programs. An error names the hook, which libbpf's message does not. */
function attachAll(
	host: Host,
	id: string,
	object: BpfObject,
	before?: (program: string, object: BpfObject) => void,
): void {
	for (const { name, section, autoload } of object.programs()) {
		// programs that a clock runs are attached by their session, which knows the rate
		if (!autoload || section === WALK_SECTION || section === CLOCK_SECTION) continue;
		try {
			before?.(name, object);
			object.attach(name);
			debug(() => `${id}: attached ${section} (${name})`);
		} catch (error) {
			throw explain(host, id, `attach ${section}`, error);
		}
	}
}

/** For the debug log: the programs of an object, those that were left out marked, and its maps. */
function loadedText(id: string, path: string, object: BpfObject): string {
	const programs = object
		.programs()
		.map(({ name, section, autoload }) => `${autoload ? 'program' : 'left out'} ${name}: ${section}`);
	const maps = object.maps().map(({ name, type, maxEntries }) => `map ${name}: ${type}, ${maxEntries} entries`);
	return [`${id}: loaded ${path}`, ...programs, ...maps].join('\n');
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
 * @throws {Unavailable} with cause and fix; nothing stays loaded then.
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
	const possibleCpus = possibleCpusOf(host.addon);
	let object: BpfObject;
	try {
		object = host.addon.open(path);
	} catch (error) {
		throw explain(host, id, 'open the BPF object', error);
	}
	try {
		const lacking = choosePrograms(host, object, options.optional ?? {}, options.without ?? []);
		for (const map of options.withoutMaps ?? []) object.setAutocreate(map, false);
		setConstants(object, options, sizeStores(object, options.stores ?? {}, possibleCpus));
		for (const map of [...(options.shards ?? []), ...(options.counted ? [RUNS] : [])])
			object.setMaxEntries(map, possibleCpus);
		for (const [map, entries] of Object.entries(options.maxEntries ?? {})) object.setMaxEntries(map, entries);
		const { meanwhile } = host;
		if (meanwhile) {
			object.beginLoad();
			meanwhile();
		}
		object.load();
		debug(() => loadedText(id, path, object));
		for (const [name, size] of Object.entries(options.stores ?? {})) fillStore(object, name, size);
		options.loaded?.(object);
		attachAll(host, id, object, options.beforeAttach);
		return new BpfSession(object, possibleCpus, missingHooks(lacking), {
			id,
			...(options.counted && { counted: options.counted }),
		});
	} catch (error) {
		object.close();
		throw explain(host, id, 'load BPF programs', error);
	}
}
