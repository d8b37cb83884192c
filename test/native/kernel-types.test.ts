import { beforeAll, expect, test } from 'vitest';
import type { BpfAddon } from '../../src/core/native.ts';
import { addon } from './support.ts';

let native: BpfAddon;

beforeAll(() => {
	native = addon();
});

test.each([
	['typedef', 'btf_trace_sched_switch', true],
	['typedef', 'btf_trace_softirq_raise', true],
	['typedef', 'btf_trace_no_such', false],
	['struct', 'task_struct', true],
	['struct', 'btf_trace_sched_switch', false],
	['typedef', 'task_struct', false],
	['struct', '', false],
	['struct', 'task_struc', false],
	['enum', 'bpf_map_type', true],
	['enum', 'task_struct', false],
	['func', 'no_such_function', false],
	['func', 'task_struct', false],
	['func', 'schedule', true],
] as const)('%s %s: %s', (kind, name, expected) => {
	expect(native.hasType(kind, name)).toBe(expected);
});

test.each([
	['task_struct', 'pid', true],
	['task_struct', 'sched_info', true],
	['task_struct', 'no_such', false],
	['no_such', 'pid', false],
	['task_struct', '', false],
	// In an anonymous union of an anonymous struct.
	['page', 'mapping', true],
	['sk_buff', 'next', true],
	['kernel_siginfo', 'si_signo', true],
] as const)('%s.%s: %s', (structure, member, expected) => {
	expect(native.hasMember(structure, member)).toBe(expected);
});

test('values of an enum are those of the kernel, in order', () => {
	const values = native.enumValues('bpf_map_type');
	expect(values.slice(0, 3)).toEqual([
		{ name: 'BPF_MAP_TYPE_UNSPEC', value: 0 },
		{ name: 'BPF_MAP_TYPE_HASH', value: 1 },
		{ name: 'BPF_MAP_TYPE_ARRAY', value: 2 },
	]);
	expect(native.enumValues('no_such_enum')).toEqual([]);
	expect(native.enumValues('task_struct')).toEqual([]);
});

test('arguments of a tracepoint are counted', () => {
	expect(native.tracepointArguments('sched_process_fork')).toBe(2);
	expect(native.tracepointArguments('no_such_tracepoint')).toBe(0);
});
