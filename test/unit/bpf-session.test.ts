import { beforeEach, describe, expect, test } from 'vitest';
import { explain } from '../../src/bpf/explain.ts';
import { hookExists, openBpf } from '../../src/bpf/load.ts';
import { Unavailable } from '../../src/core/errors.ts';
import type { BpfAddon, BpfObject, ProgramInfo } from '../../src/core/native.ts';
import type { Host } from '../../src/core/tracer.ts';
import { missingCapabilities } from '../../src/system/privilege.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();
let calls: string[];
let failAt: { call: string; error: Error } | undefined;
let types: Set<string>;

const programs: ProgramInfo[] = [
	{ name: 'switched', section: 'tp_btf/sched_switch', autoload: true, attached: false },
	{ name: 'extra', section: 'tp_btf/rare', autoload: true, attached: false },
	{ name: 'reader', section: 'iter/task', autoload: true, attached: false },
];

function fakeObject(): BpfObject {
	const state = programs.map((program) => ({ ...program }));
	const note = (call: string): void => {
		calls.push(call);
		if (failAt?.call === call) throw failAt.error;
	};
	return {
		programs: () => state,
		maps: () => [{ name: '.data.negative', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 }],
		lookup: (_map: string, _key: Uint8Array, value: Uint8Array) => value.fill(7, 0, 1).length > 0,
		setAutoload(name: string, on: boolean) {
			note(`autoload ${name} ${on}`);
			for (const program of state) if (program.name === name) program.autoload = on;
		},
		setInitial: (section: string, offset: number, bytes: Uint8Array) =>
			note(`initial ${section} ${offset} ${Array.from(bytes).join(',')}`),
		setMaxEntries: (map: string, entries: number) => note(`entries ${map} ${entries}`),
		beginLoad: () => note('begin to load'),
		load: () => note('load'),
		attach: (name: string) => note(`attach ${name}`),
		stats: () => ({ runs: 2, ns: 10, recursionMisses: 1 }),
		close: () => note('close'),
	} as unknown as BpfObject;
}

function host(): Host {
	const addon = {
		possibleCpus: () => 4,
		hasType: (_: string, name: string) => types.has(name),
		open: () => fakeObject(),
	} as unknown as BpfAddon;
	return { addon, objectPath: () => tree.path('x.bpf.o'), procRoot: tree.root, sysRoot: tree.root, cpus: 4 };
}

function capabilities(effective: string): void {
	tree.set('self/status', `Name:\tx\nCapEff:\t${effective}\n`);
}

function refusal(code: string, message: string, log = ''): Error {
	return Object.assign(new Error(message), { code, log });
}

beforeEach(() => {
	tree.folder('self');
	tree.set('x.bpf.o', '');
	capabilities('000001ffffffffff');
	calls = [];
	failAt = undefined;
	types = new Set(['task_struct', 'btf_trace_sched_switch', 'bpf_iter__task']);
});

const layout = { size: { section: '.rodata', offset: 8, size: 4 } } as const;

function open(options = {}): unknown {
	try {
		return openBpf(host(), 'x', { layout, optional: { extra: 'nothing else is known' }, ...options });
	} catch (error) {
		return error;
	}
}

test.each([
	['EPERM', 'Seccomp:\t2\n', '', /a seccomp filter refuses bpf/, /seccomp=unconfined/],
	['ENOSYS', 'Seccomp:\t2\n', '', /a seccomp filter refuses bpf/, /seccomp=unconfined/],
	[
		'EINVAL',
		'Seccomp:\t2\n',
		'',
		/leaves out|cannot be read/,
		/mount the whole proc/,
		'libbpf: failed to open /proc/kallsyms: -2',
	],
	// a filter may answer anything
	['EINVAL', 'Seccomp:\t2\n', '', /refused; a seccomp filter may be the cause/, /seccomp=unconfined.*please report/],
	['EINVAL', 'Seccomp:\t0\n', '', /refused$/, /^please report/],
	['ENOSYS', 'Seccomp:\t0\n', '', /this kernel has no bpf/, /CONFIG_BPF_SYSCALL/],
	['EPERM', 'Seccomp:\t0\n', 'capability,landlock,selinux', /a security module refuses it \(selinux\)/, /policy/],
])('a refusal with %s, %j and modules %j is explained', (code, status, lsm, cause, fix, why = 'refused') => {
	tree.set('self/status', `CapEff:\t000001ffffffffff\n${status}`);
	tree.set('self/uid_map', '         0          0 4294967295\n');
	tree.set('kernel/security/lsm', lsm);
	const { message, fix: advice } = explain(host(), 'x', 'load BPF programs', refusal(code, why));
	expect(message).toMatch(cause);
	expect(advice).toMatch(fix);
});

describe('opening', () => {
	test('sets everything before load, leaves out what the kernel lacks, attaches in order', () => {
		const session = openBpf(host(), 'x', {
			layout,
			constants: { size: 258 },
			shards: ['per_cpu'],
			maxEntries: { keys: 9 },
			optional: { extra: 'nothing else is known' },
		});
		expect(calls).toEqual([
			'autoload extra false',
			'initial .rodata 8 2,1,0,0',
			'entries per_cpu 4',
			'entries keys 9',
			'load',
			'attach switched',
			'attach reader',
		]);
		expect(session.hooks).toEqual(['tp_btf/sched_switch']);
		expect(session.has('extra')).toBe(false);
		expect(session.missing).toEqual(['no tp_btf/rare: nothing else is known']);
		const programs = [{ name: 'x switched', load: expect.any(Number), runs: null, seen: { runs: 2, ns: 10 } }];
		expect(session.cost()).toEqual({ ns: 20, runs: 4, recursionMisses: 2, negative: 7, programs });
	});

	test('what else is to be started is started while the kernel verifies the programs', () => {
		openBpf({ ...host(), meanwhile: () => void calls.push('the others') }, 'x', { optional: { extra: '' } });
		expect(calls.slice(1, 4)).toEqual(['begin to load', 'the others', 'load']);
	});

	test('an unwanted program is left out although it is available', () => {
		types.add('btf_trace_rare');
		const session = openBpf(host(), 'x', { layout, without: ['switched'] });
		expect(session.has('switched')).toBe(false);
		expect(session.has('extra')).toBe(true);
		expect(session.missing).toEqual([]);
	});

	test.each([
		['a hook that is needed', () => types.delete('btf_trace_sched_switch'), /no tp_btf\/sched_switch/],
		['the types of the kernel', () => types.clear(), /no BTF/],
		['the object', () => tree.remove('x.bpf.o'), /not built/],
	])('without %s it is unavailable', (_, remove, message) => {
		remove();
		const error = open();
		expect(error).toBeInstanceOf(Unavailable);
		expect((error as Unavailable).message).toMatch(message);
		expect((error as Unavailable).fix).not.toBe('');
	});
});

describe('refusals', () => {
	test.each([
		['0000000000000000', 'CAP_BPF and CAP_PERFMON are missing'],
		['0000008000000000', 'CAP_PERFMON is missing'],
		['0000004000000000', 'CAP_BPF is missing'],
	])('capabilities %s', (effective, words) => {
		capabilities(effective);
		failAt = { call: 'load', error: refusal('EPERM', 'EPERM: not permitted') };
		const error = open() as Unavailable;
		expect(error).toBeInstanceOf(Unavailable);
		expect(error.message).toContain(words);
		expect(error.fix).toContain('root');
		expect(calls.at(-1)).toBe('close');
	});

	test('root of a user namespace is not root of the machine', () => {
		tree.set('self/uid_map', '         0       1000          1\n');
		failAt = { call: 'load', error: refusal('EPERM', 'EPERM: load x') };
		expect((open() as Unavailable).message).toContain('user namespace');
		tree.set('self/uid_map', '         0          0 4294967295\n');
		expect((open() as Unavailable).message).not.toContain('user namespace');
	});

	test('too many open files', () => {
		failAt = { call: 'load', error: refusal('EMFILE', 'EMFILE: map x') };
		const error = open() as Unavailable;
		expect(error.message).toContain('too many files are open');
		expect(error.fix).toContain('ulimit');
	});

	test('with both, the kernel may still keep something for CAP_SYS_ADMIN', () => {
		capabilities('000000c000000000');
		failAt = { call: 'load', error: refusal('EPERM', 'EPERM: not permitted') };
		expect(open()).toMatchObject({ message: expect.stringContaining('without CAP_SYS_ADMIN') });
	});

	test('CAP_SYS_ADMIN stands for both', () => {
		capabilities('0000000000200000');
		expect(missingCapabilities(tree.root)).toEqual([]);
	});

	test('a locked-down kernel is named', () => {
		tree.folder('kernel/security');
		tree.set('kernel/security/lockdown', 'none integrity [confidentiality]\n');
		failAt = { call: 'load', error: refusal('EPERM', 'x') };
		expect((open() as Unavailable).message).toContain('locked down (confidentiality)');
	});

	test.each([
		['confidentiality', 'the kernel is locked down (confidentiality)'],
		['none', 'cannot use helper bpf_probe_read_kernel#113'],
	])('a helper that reads memory is refused, lockdown %s: %s', (mode, told) => {
		tree.folder('kernel/security');
		tree.set('kernel/security/lockdown', `[${mode}]\n`);
		const log =
			'0: (85) call bpf_probe_read_kernel#113\nprogram of this type cannot use helper bpf_probe_read_kernel#113\n';
		failAt = { call: 'load', error: refusal('EINVAL', 'cannot load x', log) };
		expect((open() as Unavailable).message).toContain(told);
	});

	test("the verifier's last word is in the message, the whole text in its cause", () => {
		const log =
			'libbpf: prog x\n0: (b7) r0 = 0\nR1 invalid mem access\nprocessed 3 insns (limit 1000000)\n-- END PROG LOAD LOG --\n';
		failAt = { call: 'load', error: refusal('EACCES', 'cannot load x', log) };
		const error = open() as Unavailable;
		expect(error.message).toContain('cannot load x: R1 invalid mem access');
		expect((error.cause as { log: string }).log).toBe(log);
	});

	test('an attachment that fails names its hook and leaves nothing open', () => {
		failAt = { call: 'attach reader', error: refusal('ENOENT', 'no such thing') };
		expect((open() as Unavailable).message).toContain('attach iter/task');
		expect(calls.at(-1)).toBe('close');
	});
});

test.each([
	['tp_btf/sched_switch', true],
	['tp_btf/other', false],
	['iter/task', true],
	['iter/other', false],
	['fentry/nothing', false],
	['raw_tp/anything', true],
	['perf_event', true],
])('%s exists: %s', (section, there) => {
	expect(hookExists(host().addon, section)).toBe(there);
});
