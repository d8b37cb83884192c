/** Kinds of requests: the reader's side of bpf/io/keys.bpf.h. */
import { indexBits, poolBits, type StoreSize } from '../../bpf/keyed-store.ts';
import { possibleCpusOf } from '../../bpf/possible-cpus.ts';
import type { Host } from '../../core/tracer.ts';
import { io_key_layout } from '../../generated/io.ts';

export interface Kind {
	dev: number;
	op: number;
	flags: number;
}

/** The first word of a key; the second one is 0. */
export function kindOf(key: number): Kind {
	return {
		dev: Math.floor(key / 2 ** io_key_layout.KEY_DEV_SHIFT) % 2 ** 32,
		op: (key >> io_key_layout.KEY_OP_SHIFT) & 0xff,
		flags: key & 0xff,
	};
}

/** Devices × operations × flags that one CPU can tell apart: 512 at least, as those of 24 busy disks are. */
const [LEAST_BITS, MOST_BITS] = [9, 11];
/**
 * The pool holds 24 busy disks with 8 kinds of requests each (disks under a file system have some 6), all seen by each CPU,
 * and is no larger than 8192. 2.6 KiB each.
 */
const [SLOTS_PER_CPU, MOST_SLOTS] = [192, 8192];

/** Size of a store by kind of request. */
export function kindStore({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>, programs: number): StoreSize {
	const slots = Math.min(MOST_SLOTS, SLOTS_PER_CPU * cpus);
	const most = Math.min(MOST_BITS, poolBits(slots));
	return { programs, bits: indexBits(possibleCpusOf(addon), programs, LEAST_BITS, most), slots };
}
