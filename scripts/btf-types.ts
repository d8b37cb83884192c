/**
 * Turns the BTF of a built BPF object into a TypeScript module: one interface and decoder for each struct that crosses
 * to user space (map keys and values, structs named by RECORD()), the enums named by NAMES(), the maps, and the offsets of
 * the constants. Layouts and shared numbers are written in the C files only.
 */

interface BtfMember {
	name: string;
	type_id: number;
	bits_offset: number;
}

/** The parts of `bpftool -j btf dump file` that we read. */
export interface BtfType {
	id: number;
	kind: string;
	name: string;
	size?: number;
	type_id?: number;
	nr_elems?: number;
	members?: BtfMember[];
	vars?: { type_id: number; offset: number; size: number }[];
	values?: { name: string; val: number }[];
	encoding?: string;
}

const QUALIFIERS = new Set(['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG']);

class Layouts {
	private readonly byId = new Map<number, BtfType>();
	/** Structs to emit, in order of discovery. */
	readonly structs = new Map<string, BtfType>();

	readonly types: BtfType[];

	constructor(types: BtfType[]) {
		this.types = types;
		for (const type of types) this.byId.set(type.id, type);
	}

	get(id: number | undefined): BtfType {
		let type = id === undefined ? undefined : this.byId.get(id);
		while (type && QUALIFIERS.has(type.kind)) type = this.byId.get(type.type_id as number);
		if (!type) throw new Error(`BTF type ${id} is missing`);
		return type;
	}

	/** TypeScript type and reading expression of a value at `at + offset`. */
	field(id: number, offset: number, where: string): { ts: string; expression: string } {
		const type = this.get(id);
		const at = offset === 0 ? 'at' : `at + ${offset}`;
		switch (type.kind) {
			case 'INT':
			case 'ENUM':
				return { ts: 'number', expression: scalar(type, at, where) };
			case 'STRUCT':
				this.want(type, where);
				return { ts: type.name, expression: `${type.name}.read(view, ${at})` };
			case 'ARRAY': {
				const element = this.get(type.type_id as number);
				const length = type.nr_elems as number;
				if (element.kind === 'STRUCT') {
					this.want(element, where);
					return { ts: `${element.name}[]`, expression: `structs(${element.name}, view, ${at}, ${length})` };
				}
				if (element.kind === 'INT' && element.size === 1) {
					return { ts: 'ForeignBytes', expression: `new Uint8Array(view.buffer, view.byteOffset + ${at}, ${length})` };
				}
				if (element.kind === 'INT' && element.size === 4) {
					return { ts: 'Uint32Array', expression: `new Uint32Array(view.buffer, view.byteOffset + ${at}, ${length})` };
				}
				if (element.kind === 'INT' && element.size === 8) {
					const read = element.encoding === 'SIGNED' ? 's64s' : 'u64s';
					return { ts: 'Float64Array', expression: `${read}(view, ${at}, ${length})` };
				}
				break;
			}
		}
		throw new Error(`${where}: no decoder for a ${type.kind} of ${type.size ?? '?'} bytes`);
	}

	want(type: BtfType, where: string): void {
		if (type.kind !== 'STRUCT' || !type.name)
			throw new Error(`${where}: only named structs and integers cross to user space`);
		if (!this.structs.has(type.name)) this.structs.set(type.name, type);
	}
}

function scalar(type: BtfType, at: string, where: string): string {
	const signed = type.encoding === 'SIGNED';
	switch (type.size) {
		case 1:
			return signed ? `view.getInt8(${at})` : `view.getUint8(${at})`;
		case 2:
			return `view.get${signed ? 'Int' : 'Uint'}16(${at}, true)`;
		case 4:
			return `view.get${signed ? 'Int' : 'Uint'}32(${at}, true)`;
		case 8:
			return `${signed ? 's64' : 'u64'}(view, ${at})`;
		default:
			throw new Error(`${where}: integer of ${type.size} bytes`);
	}
}

function emitStruct(layouts: Layouts, type: BtfType): string {
	const fields = (type.members ?? []).map((member) => {
		const where = `struct ${type.name}.${member.name}`;
		if (member.bits_offset % 8 !== 0) throw new Error(`${where}: bit fields do not cross to user space`);
		return {
			name: member.name,
			offset: member.bits_offset / 8,
			...layouts.field(member.type_id, member.bits_offset / 8, where),
		};
	});
	return [
		`export interface ${type.name} {`,
		...fields.map((field) => `\t${field.name}: ${field.ts};`),
		'}',
		`export const ${type.name}: Struct<${type.name}> = {`,
		`\tsize: ${type.size},`,
		`\tat: { ${fields.map(({ name, offset }) => `${name}: ${offset}`).join(', ')} },`,
		`\tread: (view, at) => ({`,
		...fields.map((field) => `\t\t${field.name}: ${field.expression},`),
		'\t}),',
		'};',
		'',
	].join('\n');
}

/** Arrays that a cursor fills when they are read, by size and sign of their elements: class, and reading of the element at `at`. */
const filled: Readonly<Record<string, readonly [type: string, read: string]>> = {
	'1': ['Uint8Array', 'view.getUint8(at)'],
	'4': ['Uint32Array', 'view.getUint32(at, true)'],
	'8': ['Float64Array', 'u64(view, at)'],
	'8s': ['Float64Array', 's64(view, at)'],
};

/** The class that reads a struct in place, for records of which there are thousands in an interval: it makes no garbage. */
function emitCursor(layouts: Layouts, type: BtfType): string {
	const parts: string[] = [];
	const getters: string[] = [];
	for (const { name, type_id, bits_offset } of type.members ?? []) {
		const member = layouts.get(type_id);
		const offset = bits_offset / 8;
		const { ts, expression } = layouts.field(type_id, offset, `struct ${type.name}.${name}`);
		const element = member.kind === 'ARRAY' ? layouts.get(member.type_id) : undefined;
		const size = element?.size ?? 0;
		const array =
			element?.kind === 'INT' ? filled[`${size}${size === 8 && element.encoding === 'SIGNED' ? 's' : ''}`] : undefined;
		if (member.kind === 'STRUCT') {
			parts.push(`\tprivate readonly part_${name} = new ${member.name}_cursor();`);
			getters.push(
				`\tget ${name}(): ${member.name}_cursor {`,
				`\t\treturn this.part_${name}.moveTo(this.view, this.offset + ${offset});`,
				'\t}',
			);
		} else if (array) {
			const length = member.nr_elems as number;
			parts.push(`\tprivate readonly part_${name} = new ${array[0]}(${length});`);
			getters.push(
				`\tget ${name}(): ${ts} {`,
				`\t\tconst { view, part_${name}: array } = this;`,
				`\t\tlet at = this.offset + ${offset};`,
				`\t\tfor (let index = 0; index < ${length}; index++, at += ${size}) array[index] = ${array[1]};`,
				'\t\treturn array;',
				'\t}',
			);
		} else {
			getters.push(
				`\tget ${name}(): ${ts} {`,
				'\t\tconst { view, offset: at } = this;',
				`\t\treturn ${expression};`,
				'\t}',
			);
		}
	}
	return [
		`/** A {@link ${type.name}} in place: members are decoded when they are read. They, and arrays, are valid until it is moved. */`,
		`export class ${type.name}_cursor implements ${type.name} {`,
		'\tprivate view!: DataView;',
		'\tprivate offset = 0;',
		...parts,
		'',
		'\tmoveTo(view: DataView, at: number): this {',
		'\t\tthis.view = view;',
		'\t\tthis.offset = at;',
		'\t\treturn this;',
		'\t}',
		...getters,
		'}',
		'',
	].join('\n');
}

/** A struct and those inside it. */
function withParts(layouts: Layouts, type: BtfType): BtfType[] {
	const nested = (type.members ?? [])
		.map(({ type_id }) => layouts.get(type_id))
		.filter(({ kind }) => kind === 'STRUCT');
	return [type, ...nested.flatMap((one) => withParts(layouts, one))];
}

/** A variable of `.rodata` that the loader may set. */
function emitConstants(layouts: Layouts): string {
	const section = layouts.types.find((type) => type.kind === 'DATASEC' && type.name === '.rodata');
	const lines = (section?.vars ?? []).flatMap((entry) => {
		const variable = layouts.get(entry.type_id);
		return layouts.get(variable.type_id).kind === 'INT'
			? [`\t${variable.name}: { section: '.rodata', offset: ${entry.offset}, size: ${entry.size} },`]
			: [];
	});
	if (lines.length === 0) return '';
	return [
		'/** Constants that can be set before loading. */',
		'export const constants = {',
		...lines,
		'} as const;',
		'',
	].join('\n');
}

function emitMaps(layouts: Layouts): string {
	const section = layouts.types.find((type) => type.kind === 'DATASEC' && type.name === '.maps');
	const lines = (section?.vars ?? []).map((entry) => {
		const variable = layouts.get(entry.type_id);
		const definition = layouts.get(variable.type_id);
		const pointed = (name: string): BtfType | undefined => {
			const member = definition.members?.find((candidate) => candidate.name === name);
			return member && layouts.get(layouts.get(member.type_id).type_id);
		};
		const part = (name: string): string => {
			const type = pointed(name);
			if (!type || type.kind === 'INT') return 'null';
			layouts.want(type, `map ${variable.name}`);
			return type.name;
		};
		// __uint(max_entries, 8) declares a pointer to an array of 8
		const entries = pointed('max_entries')?.nr_elems ?? 0;
		return `\t${variable.name}: { name: '${variable.name}', key: ${part('key')}, value: ${part('value')}, entries: ${entries} },`;
	});
	if (lines.length === 0) return '';
	return [
		'/**',
		' * Maps with the decoders of their keys and values (null: a plain integer or none), and the number of entries that the C',
		' * file gives them (of a ring: bytes).',
		' */',
		'export const maps = {',
		...lines,
		'} as const;',
		'',
	].join('\n');
}

/** Types that a variable `PREFIX_…` of the object points to. */
function named(layouts: Layouts, prefix: string): BtfType[] {
	return layouts.types
		.filter((type) => type.kind === 'VAR' && type.name.startsWith(prefix))
		.map((type) => layouts.get(layouts.get(type.type_id).type_id));
}

function emitEnum({ name, values }: BtfType): string {
	return [
		`export const ${name} = {`,
		...(values ?? []).map((value) => `\t${value.name}: ${value.val},`),
		'} as const;',
		'',
	].join('\n');
}

/** The module's text. Throws where a struct has a member that cannot be decoded. */
export function emitModule(source: string, types: BtfType[]): string {
	const layouts = new Layouts(types);
	const records = named(layouts, 'record_').filter(({ kind }) => kind === 'STRUCT');
	for (const type of named(layouts, 'record_')) layouts.want(type, type.name);
	const mapsText = emitMaps(layouts);
	const structTexts: string[] = [];
	// emitting a struct may discover those nested in it
	for (const type of layouts.structs.values()) structTexts.push(emitStruct(layouts, type));
	const inPlace = new Set(records.flatMap((type) => withParts(layouts, type)));
	for (const type of inPlace) structTexts.push(emitCursor(layouts, type));
	const enums = named(layouts, 'names_').map(emitEnum);
	// innermost first, so that constants exist before they are used by others
	const parts = [...enums, ...structTexts.reverse(), mapsText, emitConstants(layouts)];
	const body = parts.filter((part) => part !== '').join('\n');
	const used = ['s64', 's64s', 'structs', 'u64', 'u64s'].filter((name) => new RegExp(`\\b${name}\\(`).test(body));
	const typesUsed = ['ForeignBytes', 'Struct'].filter((name) => new RegExp(`\\b${name}\\b`).test(body));
	const names = [...typesUsed.map((name) => `type ${name}`), ...used].join(', ');
	return `// Generated from the BTF of ${source}: do not edit.\n${names ? `import { ${names} } from '../lib/decode.ts';\n` : ''}\n${body}`;
}
