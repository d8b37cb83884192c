/** The kernel's names of operations and flags, by the numbers that bpf/io/io.bpf.c gives them. */
import { io_flag, io_op } from '../../generated/io.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';

const OPS = new Map<number, SafeText>(
	Object.entries(io_op).map(([name, value]) => [value, sanitize(name.replace(/^IO_/, '').toLowerCase())]),
);

const FLAGS: readonly [bit: number, name: SafeText][] = Object.entries(io_flag)
	.filter(([name]) => name !== 'IO_FLAGS')
	.map(([name, bit]) => [1 << bit, sanitize(name.replace(/^IO_/, '').toLowerCase())]);

export function opName(op: number): SafeText {
	return OPS.get(op) ?? safe`op_${op}`;
}

/** REQ_SYNC | REQ_META → `sync`, `meta`. */
export function flagNames(flags: number): SafeText[] {
	return FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}
