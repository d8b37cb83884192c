import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';
import { type BtfType, emitModule } from '../../scripts/btf-types.ts';
import { s64, structs, u64, u64s } from '../../src/lib/decode.ts';

/** What bpftool prints for: struct inner { u64 a; char name[16]; }; struct shard { u32 slots[4]; struct inner in[2]; s64 left; u16 x; }; */
const types: BtfType[] = [
	{ id: 1, kind: 'INT', name: 'unsigned long long', size: 8, encoding: '(none)' },
	{ id: 2, kind: 'INT', name: 'unsigned int', size: 4, encoding: '(none)' },
	{ id: 3, kind: 'INT', name: 'char', size: 1, encoding: 'SIGNED' },
	{ id: 4, kind: 'INT', name: 'long long', size: 8, encoding: 'SIGNED' },
	{ id: 5, kind: 'INT', name: 'unsigned short', size: 2, encoding: '(none)' },
	{ id: 6, kind: 'ARRAY', name: '(anon)', type_id: 3, nr_elems: 16 },
	{ id: 7, kind: 'TYPEDEF', name: 'u64', type_id: 1 },
	{
		id: 8,
		kind: 'STRUCT',
		name: 'inner',
		size: 24,
		members: [
			{ name: 'a', type_id: 7, bits_offset: 0 },
			{ name: 'name', type_id: 6, bits_offset: 64 },
		],
	},
	{ id: 9, kind: 'ARRAY', name: '(anon)', type_id: 2, nr_elems: 4 },
	{ id: 10, kind: 'ARRAY', name: '(anon)', type_id: 8, nr_elems: 2 },
	{
		id: 11,
		kind: 'STRUCT',
		name: 'shard',
		size: 80,
		members: [
			{ name: 'slots', type_id: 9, bits_offset: 0 },
			{ name: 'in', type_id: 10, bits_offset: 128 },
			{ name: 'left', type_id: 4, bits_offset: 512 },
			{ name: 'x', type_id: 5, bits_offset: 576 },
		],
	},
	{ id: 12, kind: 'PTR', name: '(anon)', type_id: 11 },
	{ id: 13, kind: 'VAR', name: 'record_shard', type_id: 12 },
	{ id: 14, kind: 'CONST', name: '(anon)', type_id: 2 },
	{ id: 15, kind: 'VAR', name: 'target', type_id: 14 },
	{ id: 16, kind: 'DATASEC', name: '.rodata', vars: [{ type_id: 15, offset: 8, size: 4 }] },
	{
		id: 17,
		kind: 'ENUM',
		name: 'stage',
		values: [
			{ name: 'QUEUE', val: 0 },
			{ name: 'DEVICE', val: 1 },
		],
	},
	{ id: 19, kind: 'PTR', name: '(anon)', type_id: 17 },
	{ id: 20, kind: 'VAR', name: 'names_stage', type_id: 19 },
	{ id: 21, kind: 'ENUM', name: 'req_op', values: [{ name: 'REQ_OP_READ', val: 0 }] },
	{ id: 22, kind: 'ARRAY', name: '(anon)', type_id: 4, nr_elems: 512 },
	{ id: 23, kind: 'PTR', name: '(anon)', type_id: 22 },
	{ id: 24, kind: 'PTR', name: '(anon)', type_id: 2 },
	{
		id: 25,
		kind: 'STRUCT',
		name: '(anon)',
		size: 24,
		members: [
			{ name: 'max_entries', type_id: 23, bits_offset: 0 },
			{ name: 'key', type_id: 24, bits_offset: 64 },
			{ name: 'value', type_id: 12, bits_offset: 128 },
		],
	},
	{ id: 26, kind: 'VAR', name: 'shards', type_id: 25 },
	{ id: 27, kind: 'DATASEC', name: '.maps', vars: [{ type_id: 26, offset: 0, size: 24 }] },
	{ id: 18, kind: 'STRUCT', name: 'task_struct', size: 4, members: [{ name: 'pid', type_id: 2, bits_offset: 0 }] },
];

/** The module as JavaScript; a `data:` module cannot import files, so it gets the primitives of src/lib/decode.ts by value. */
async function load(text: string): Promise<Record<string, unknown>> {
	const primitives = [s64, structs, u64, u64s].map(String).join('\n');
	const code = stripTypeScriptTypes(text.replace(/^import .*$/m, ''));
	return import(`data:text/javascript,${encodeURIComponent(`${primitives}\n${code}`)}`);
}

test('a decoder reads every kind of member at its place', async () => {
	const module = await load(emitModule('x.bpf.c', types));
	const bytes = Buffer.alloc(8 + 80);
	bytes.writeUInt32LE(7, 8 + 12);
	bytes.writeBigUInt64LE(2n ** 40n, 8 + 16 + 24);
	bytes.write('kworker', 8 + 16 + 24 + 8);
	bytes.writeBigInt64LE(-5n, 8 + 64);
	bytes.writeUInt16LE(65535, 8 + 72);
	const shard = module['shard'] as { size: number; read(view: DataView, at: number): Record<string, unknown> };
	const read = shard.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 8) as {
		slots: Uint32Array;
		in: { a: number; name: Uint8Array }[];
		left: number;
		x: number;
	};
	expect(shard.size).toBe(80);
	expect([...read.slots]).toEqual([0, 0, 0, 7]);
	expect(read.in[1]?.a).toBe(2 ** 40);
	expect(Buffer.from(read.in[1]?.name ?? []).toString()).toMatch(/^kworker\0/);
	expect(read.left).toBe(-5);
	expect(read.x).toBe(65535);
	expect(module['constants']).toEqual({ target: { section: '.rodata', offset: 8, size: 4 } });
	expect(module['stage']).toEqual({ QUEUE: 0, DEVICE: 1 });
});

test('a cursor reads the same members in place, moved from one struct to the next', async () => {
	const module = await load(emitModule('x.bpf.c', types));
	const bytes = Buffer.alloc(2 * 80);
	bytes.writeUInt32LE(7, 12);
	bytes.writeUInt32LE(9, 80 + 12);
	bytes.writeBigUInt64LE(2n ** 40n, 80 + 16 + 24);
	bytes.writeBigInt64LE(-5n, 80 + 64);
	bytes.writeUInt16LE(65535, 80 + 72);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	const { read } = module['shard'] as { read(view: DataView, at: number): object };
	const Cursor = module['shard_cursor'] as new () => { moveTo(view: DataView, at: number): Record<string, unknown> };
	const cursor = new Cursor();
	for (const at of [0, 80])
		for (const [name, value] of Object.entries(read(view, at))) expect(cursor.moveTo(view, at)[name]).toEqual(value);
});

test('maps have their decoders and the number of their entries', async () => {
	const module = await load(emitModule('x.bpf.c', types));
	expect(module['maps']).toEqual({ shards: { name: 'shards', key: null, value: module['shard'], entries: 512 } });
});

test('kernel types that do not cross to user space are left out', () => {
	const text = emitModule('x.bpf.c', types);
	expect(text).not.toContain('task_struct');
	expect(text).not.toContain('req_op');
});

test('an object without maps and constants has neither', () => {
	const enums = types.filter(({ id }) => [17, 19, 20].includes(id));
	expect(emitModule('x.bpf.c', enums)).toBe(
		'// Generated from the BTF of x.bpf.c: do not edit.\n\nexport const stage = {\n\tQUEUE: 0,\n\tDEVICE: 1,\n} as const;\n',
	);
});

test('a member without a decoder fails the build and is named', () => {
	const broken = types.map((type) =>
		type.name === 'inner' ? { ...type, members: [{ name: 'bad', type_id: 12, bits_offset: 0 }] } : type,
	);
	expect(() => emitModule('x.bpf.c', broken)).toThrow('struct inner.bad');
});
