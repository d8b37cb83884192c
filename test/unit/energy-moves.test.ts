/** Moves between packages: what each CPU keeps of them is read in order, and what was overwritten is counted. */
import { expect, test } from 'vitest';
import { thread_record } from '../../src/generated/energy.ts';
import { Moves, movesBits } from '../../src/tracers/energy/cpu/moves.ts';
import type { ThreadSample } from '../../src/tracers/energy/cpu/thread-use.ts';

const CPUS = 2;
const ROOM = 2 ** movesBits(CPUS);

/** CPUs that write as the C file does; a sample is the counter alone. */
function machine(whileRead: () => void = () => undefined) {
	const written = [0, 0];
	const records = new Uint8Array(CPUS * ROOM * thread_record.size);
	const view = new DataView(records.buffer);
	const bpf = {
		possibleCpus: CPUS,
		shards: () => written.map((count) => ({ written: count })),
		object: {
			readMapped(_map: string, into: Uint8Array, at = 0) {
				into.set(records.subarray(at, at + into.length));
				whileRead();
				return into.length;
			},
		},
	} as unknown as ConstructorParameters<typeof Moves>[0];
	const moves = new Moves(bpf, (record, at) => ({ cpu_ns: record.getUint32(at, true) }) as ThreadSample);
	const write = (cpu: number, cpu_ns: number): void => {
		const at = cpu * ROOM + ((written[cpu] as number) % ROOM);
		view.setUint32(at * thread_record.size, cpu_ns, true);
		written[cpu] = (written[cpu] as number) + 1;
	};
	const take = () => moves.take().map(({ cpu_ns }) => cpu_ns);
	return { moves, write, take };
}

test('moves that several CPUs made come once, in the order of the counters', () => {
	const { moves, write, take } = machine();
	write(0, 10);
	write(1, 20);
	write(0, 30);
	expect(take()).toEqual([10, 20, 30]);
	expect(take()).toEqual([]);
	write(1, 40);
	expect(take()).toEqual([40]);
	expect(moves.lost).toBe(0);
});

test('more than a CPU keeps: the newest are read, the others counted', () => {
	const { moves, write, take } = machine();
	for (let n = 0; n < ROOM + 7; n++) write(0, n);
	expect(take()).toEqual(Array.from({ length: ROOM }, (_, n) => n + 7));
	expect(moves.lost).toBe(7);
	for (let n = 0; n < ROOM; n++) write(0, n);
	expect(take()).toHaveLength(ROOM);
	expect(moves.lost).toBe(7);
});

test('a record that is overwritten during the read is counted and not taken for a move', () => {
	let writes = 0;
	const { moves, write, take } = machine(() => {
		if (writes++ === 0) for (let n = 0; n < 3; n++) write(0, 1e6 + n);
	});
	for (let n = 0; n < ROOM; n++) write(0, n);
	// three, and one whose room is perhaps being written
	expect(take()).toEqual(Array.from({ length: ROOM - 4 }, (_, n) => n + 4));
	expect(moves.lost).toBe(4);
	expect(take()).toEqual([1e6, 1e6 + 1, 1e6 + 2]);
});

test('room by possible CPUs', () => expect([2, 16, 64, 256, 1024].map(movesBits)).toEqual([12, 11, 9, 7, 6]));
