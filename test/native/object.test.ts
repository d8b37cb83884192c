import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BpfAddon } from '../../src/core/native.ts';
import { addon, type Fixtures, leftInKernel, makeFixtures, openEvents, thrown } from './support.ts';

let native: BpfAddon;
let fixtures: Fixtures;
let events: string;

beforeAll(() => {
	native = addon();
	fixtures = makeFixtures();
	events = fixtures.compile('events');
});

afterAll(() => fixtures.remove());

test('says its libbpf version and the possible CPUs', () => {
	expect(native.libbpfVersion()).toMatch(/^\d+\.\d+$/);
	const ranges = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split(',');
	const cpus = ranges
		.map((range) => range.split('-').map(Number))
		.reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
	expect(native.possibleCpus()).toBe(cpus);
});

describe('programs', () => {
	test('are listed with section, autoload and attachment', () => {
		const { object } = openEvents(native, events);
		expect(object.programs()).toEqual([
			{ name: fixtures.named('kill'), section: 'tp_btf/sys_enter', autoload: true, attached: false },
			{ name: fixtures.named('tasks'), section: 'iter/task', autoload: true, attached: false },
			{
				name: fixtures.named('orphan'),
				section: 'raw_tp/wl_no_such_tracepoint',
				autoload: false,
				attached: false,
			},
			{ name: fixtures.named('ghost'), section: 'tp_btf/wl_no_such_tracepoint', autoload: false, attached: false },
			{ name: fixtures.named('answer'), section: 'syscall', autoload: true, attached: false },
		]);
		object.close();
	});

	test('run while attached, with the constants that were set', () => {
		const { object, count, results } = openEvents(native, events);
		const kill = fixtures.named('kill');
		const attached = (): boolean | undefined => object.programs().find(({ name }) => name === kill)?.attached;
		count(1);
		expect(results()).toEqual({ hits: 0, last: 0, refused: 0 });
		object.attach(kill);
		expect(attached()).toBe(true);
		object.attach(kill);
		count(7);
		expect(results()).toEqual({ hits: 1, last: 7, refused: 0 });
		object.detach(kill);
		object.detach(kill);
		expect(attached()).toBe(false);
		count(8);
		expect(results()).toEqual({ hits: 1, last: 7, refused: 0 });
		object.attach(kill);
		count(9);
		expect(results()).toEqual({ hits: 2, last: 9, refused: 0 });
		object.close();
	});

	test('objects are loaded on threads at the same time; one that is closed meanwhile leaves nothing', async () => {
		const own = makeFixtures();
		try {
			const path = own.compile('events');
			const opened = (): ReturnType<BpfAddon['open']> => {
				const object = native.open(path);
				object.beginLoad();
				return object;
			};
			const [one, two, three] = [opened(), opened(), opened()];
			two.close();
			one.load();
			three.load();
			for (const object of [one, three]) {
				object.attach(own.named('kill'));
				object.close();
			}
			expect(thrown(() => two.load()).message).toContain('closed');
			expect(await leftInKernel(own.tag)).toEqual([]);
		} finally {
			own.remove();
		}
	});

	test('two objects of one file do not see each other', () => {
		const one = openEvents(native, events);
		const two = openEvents(native, events);
		one.object.attach(fixtures.named('kill'));
		two.object.attach(fixtures.named('kill'));
		one.count();
		one.count();
		two.count();
		expect([one.results().hits, two.results().hits]).toEqual([2, 1]);
		one.object.close();
		two.count();
		expect(two.results().hits).toBe(2);
		two.object.close();
	});

	test('count their runs while statistics are on', () => {
		const { object, count } = openEvents(native, events);
		const kill = fixtures.named('kill');
		object.attach(kill);
		const statistics = native.enableStats();
		const before = object.stats(kill);
		for (let i = 0; i < 100; i++) {
			count();
		}
		const after = object.stats(kill);
		// Other system calls run it as well.
		expect(after.runs - before.runs).toBeGreaterThanOrEqual(100);
		expect(after.ns).toBeGreaterThan(before.ns);
		expect(after.recursionMisses).toBeGreaterThanOrEqual(0);
		statistics.close();
		statistics.close();
		object.close();
	});
});

describe('sections', () => {
	test('begin with the values that were set, byte by byte', () => {
		const { object } = openEvents(native, events, (opened) => {
			opened.setInitial('.data', 3, Uint8Array.of(1, 2, 3));
			opened.setInitial('.bss', 8, new Uint8Array(8).fill(255));
			// A view that does not begin where its buffer does.
			opened.setInitial('.data', 1023, Uint8Array.of(9, 9, 42).subarray(2));
		});
		const data = new Uint8Array(1024);
		expect(object.readMapped('.data', data)).toBe(1024);
		expect([...data.subarray(0, 8)]).toEqual([1, 0, 0, 1, 2, 3, 0, 0]);
		expect(data[1023]).toBe(42);
		const bss = new Uint8Array(24);
		object.readMapped('.bss', bss);
		expect([...bss]).toEqual([...new Uint8Array(8), ...new Uint8Array(8).fill(255), ...new Uint8Array(8)]);
		object.close();
	});

	test('are not written beyond their end', () => {
		const object = native.open(events);
		for (const [offset, length] of [
			[0, 1025],
			[1024, 1],
			[1025, 0],
			[Number.MAX_SAFE_INTEGER, 1],
		] as const) {
			const error = thrown(() => object.setInitial('.data', offset, new Uint8Array(length)));
			expect(error).toMatchObject({ code: 'EINVAL', log: '' });
			expect(error.message).toContain('1024 bytes');
		}
		object.setInitial('.data', 1024, new Uint8Array(0));
		expect(thrown(() => object.setInitial(fixtures.named('r'), 0, new Uint8Array(1))).message).toContain(
			'not an initialised section',
		);
		expect(thrown(() => object.setMaxEntries('.bss', 2)).code).toBe('EINVAL');
		object.close();
	});
});

describe('an iterator', () => {
	/** All thread ids, without those of init: virtual machines exist whose kernel keeps it from iterators. */
	function threads(): Set<number> {
		const ids = new Set<number>();
		for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== '1')) {
			try {
				for (const thread of readdirSync(`/proc/${process}/task`)) {
					ids.add(Number(thread));
				}
			} catch {
				// It has ended.
			}
		}
		return ids;
	}

	test('gives every task that /proc gives', () => {
		const { object } = openEvents(native, events);
		object.attach(fixtures.named('tasks'));
		const before = threads();
		const rows = new Uint32Array(2 * 100_000);
		const bytes = object.iterate(fixtures.named('tasks'), new Uint8Array(rows.buffer));
		const after = threads();
		expect(bytes % 8).toBe(0);
		const tasks = new Map<number, number>();
		for (let i = 0; i < bytes / 4; i += 2) {
			tasks.set(rows[i] ?? 0, rows[i + 1] ?? 0);
		}
		const stayed = [...before].filter((id) => after.has(id));
		expect(stayed.length).toBeGreaterThan(10);
		expect(stayed.filter((id) => !tasks.has(id))).toEqual([]);
		expect(tasks.get(process.pid)).toBe(process.pid);
		object.close();
	});

	test('says how much there was when the buffer is too small', () => {
		const { object } = openEvents(native, events);
		object.attach(fixtures.named('tasks'));
		const large = new Uint8Array(100_000);
		object.iterate(fixtures.named('tasks'), large);
		const small = new Uint8Array(64).fill(0xa5);
		const whole = object.iterate(fixtures.named('tasks'), small.subarray(8, 28));
		expect(whole).toBeGreaterThan(80);
		// Two rows and a half of the oldest tasks, which stay.
		expect(small.subarray(8, 28)).toEqual(large.subarray(0, 20));
		expect(small.subarray(0, 8).every((byte) => byte === 0xa5)).toBe(true);
		expect(small.subarray(28).every((byte) => byte === 0xa5)).toBe(true);
		expect(object.iterate(fixtures.named('tasks'), new Uint8Array(0))).toBeGreaterThan(80);
		object.close();
	});

	test('has to be attached, and to be one', () => {
		const { object } = openEvents(native, events);
		expect(thrown(() => object.iterate(fixtures.named('tasks'), new Uint8Array(8))).message).toContain('not attached');
		object.attach(fixtures.named('kill'));
		expect(thrown(() => object.iterate(fixtures.named('kill'), new Uint8Array(8))).message).toContain(
			'not an iterator',
		);
		object.close();
	});
});

test('a program that hooks nothing runs when it is asked to, and is one of that kind', () => {
	const { object } = openEvents(native, events);
	expect(object.run(fixtures.named('answer'))).toBe(41);
	expect(thrown(() => object.run(fixtures.named('tasks'))).message).toContain('does not run on request');
	object.close();
});

describe('a failure says what it was', () => {
	test('no file', () => {
		const error = thrown(() => native.open('/no/such.bpf.o'));
		expect(error).toBeInstanceOf(Error);
		expect(error).toMatchObject({
			message: 'open /no/such.bpf.o: No such file or directory (ENOENT)',
			code: 'ENOENT',
			log: '',
		});
	});

	test('no ELF file', () => {
		const path = join(fixtures.directory, 'text.bpf.o');
		writeFileSync(path, 'This is no object.\n');
		const error = thrown(() => native.open(path));
		expect(error.code).toBe('ENOEXEC');
		expect(error.message.startsWith(`open ${path}: `)).toBe(true);
		expect(error.log).toContain('not a proper ELF object');
	});

	test('an ELF file without end', () => {
		const path = join(fixtures.directory, 'cut.bpf.o');
		const whole = readFileSync(events);
		for (const length of [0, 1, 63, 64, 65, whole.length / 4, whole.length / 2, whole.length - 1]) {
			writeFileSync(path, whole.subarray(0, length));
			expect(thrown(() => native.open(path)).code).toMatch(/^E[A-Z]+$/);
		}
	});

	test('not a regular file', () => {
		expect(thrown(() => native.open('/dev')).message).toBe('open /dev: not a regular file');
		expect(thrown(() => native.open('/dev/zero')).code).toBe('EINVAL');
	});

	test('a program the verifier refuses: its verdict', () => {
		const object = native.open(fixtures.compile('rejected'));
		const error = thrown(() => object.load());
		expect(error.code).toBe('EACCES');
		expect(error.message).toBe(`load w${fixtures.tag}: program ${fixtures.named('bad')}: Permission denied (EACCES)`);
		expect(error.log).toContain("R0 invalid mem access 'map_value_or_null'");
		expect(error.log).toContain('*value = 1');
		expect(thrown(() => object.load()).message).toContain('closed');
		expect(thrown(() => object.programs()).message).toContain('closed');
		object.close();
	});

	test('the same where it was loaded on a thread; until then the object is left alone', () => {
		const object = native.open(fixtures.compile('rejected'));
		object.beginLoad();
		expect(thrown(() => object.beginLoad()).message).toContain('being loaded');
		expect(thrown(() => object.programs()).message).toContain('being loaded');
		const error = thrown(() => object.load());
		expect(error.message).toBe(`load w${fixtures.tag}: program ${fixtures.named('bad')}: Permission denied (EACCES)`);
		expect(error.log).toContain("R0 invalid mem access 'map_value_or_null'");
		expect(thrown(() => object.load()).message).toContain('closed');
	});

	test('a long verifier log keeps its end', () => {
		const error = thrown(() => native.open(fixtures.compile('rejected', '-DLONG_LOG')).load());
		expect(error.log).toMatch(/^\[\d+ bytes left out\]\n/);
		expect(error.log.length).toBeLessThanOrEqual(256 * 1024);
		expect(error.log).toContain("R0 invalid mem access 'map_value_or_null'");
	});

	test('a hook this kernel lacks, at load and at attach', () => {
		const object = native.open(events);
		object.setAutoload(fixtures.named('ghost'), true);
		const atLoad = thrown(() => object.load());
		expect(atLoad.code).toBe('ESRCH');
		expect(atLoad.message).toContain(`program ${fixtures.named('ghost')}`);
		expect(atLoad.log).toContain('wl_no_such_tracepoint');

		const other = openEvents(native, events, (opened) => opened.setAutoload(fixtures.named('orphan'), true)).object;
		const atAttach = thrown(() => other.attach(fixtures.named('orphan')));
		expect(atAttach.code).toBe('ENOENT');
		expect(atAttach.message).toContain(`program ${fixtures.named('orphan')}`);
		expect(other.programs().some(({ attached }) => attached)).toBe(false);
		other.close();
	});

	test('no privilege, without the advice to raise a limit', () => {
		const script = `
			import { addon, thrown } from ${JSON.stringify(new URL('support.ts', import.meta.url).href)};
			const { message, code, log } = thrown(() => addon().open(process.argv[1]).load());
			console.log(JSON.stringify({ message, code, log }));`;
		const run = spawnSync(
			'setpriv',
			['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', script, events],
			{ encoding: 'utf8' },
		);
		const error = JSON.parse(run.stdout || run.stderr) as Record<'message' | 'code' | 'log', string>;
		expect(error.code).toBe('EPERM');
		expect(error.message).toBe(`load w${fixtures.tag}: Operation not permitted (EPERM)`);
		expect(error.log).not.toMatch(/memlock|ulimit/i);
	});

	test('the log is that of the call, not of an earlier one', () => {
		thrown(() => native.open(fixtures.compile('rejected')).load());
		const object = native.open(events);
		expect(thrown(() => object.attach('x')).log).toBe('');
		object.close();
	});

	test('too early, too late, not there', () => {
		const object = native.open(events);
		const kill = fixtures.named('kill');
		for (const early of [
			() => object.attach(kill),
			() => object.detach(kill),
			() => object.stats(kill),
			() => object.iterate(kill, new Uint8Array(8)),
			() => object.readMapped('.bss', new Uint8Array(8)),
			() => object.drain(fixtures.named('r'), new Uint8Array(8)),
			() => object.readBatch('x', new Uint8Array(8), new Uint8Array(8)),
			() => object.lookup('x', new Uint8Array(8), new Uint8Array(8)),
			() => object.update('x', new Uint8Array(8), new Uint8Array(8)),
			() => object.remove('x', new Uint8Array(8)),
		]) {
			expect(thrown(early)).toMatchObject({ code: 'EINVAL', log: '' });
			expect(thrown(early).message).toContain('not loaded');
		}
		expect(thrown(() => object.setAutoload('nobody', true))).toMatchObject({ code: 'ENOENT' });
		expect(thrown(() => object.setMaxEntries('nobody', 1)).message).toContain("no map 'nobody'");
		object.load();
		for (const late of [
			() => object.load(),
			() => object.setAutoload(kill, false),
			() => object.setInitial('.bss', 0, new Uint8Array(8)),
			() => object.setMaxEntries(fixtures.named('r'), 8192),
		]) {
			expect(thrown(late).message).toContain('already loaded');
		}
		expect(thrown(() => object.attach(fixtures.named('ghost'))).message).toContain('left out');
		object.detach(fixtures.named('ghost'));
		expect(thrown(() => object.stats('nobody'))).toMatchObject({ code: 'ENOENT' });
		object.close();
	});

	test('closed', () => {
		const { object } = openEvents(native, events);
		object.attach(fixtures.named('kill'));
		object.close();
		object.close();
		const bytes = new Uint8Array(8);
		for (const call of [
			() => object.programs(),
			() => object.maps(),
			() => object.setAutoload('x', true),
			() => object.setInitial('.bss', 0, bytes),
			() => object.setMaxEntries('x', 1),
			() => object.load(),
			() => object.attach('x'),
			() => object.detach('x'),
			() => object.iterate('x', bytes),
			() => object.readBatch('x', bytes, bytes),
			() => object.readMapped('.bss', bytes),
			() => object.lookup('x', bytes, bytes),
			() => object.update('x', bytes, bytes),
			() => object.remove('x', bytes),
			() => object.drain('x', bytes),
			() => object.stats('x'),
		]) {
			expect(thrown(call)).toMatchObject({ code: 'EINVAL', log: '' });
			expect(thrown(call).message).toMatch(/ the object is closed$/);
		}
	});
});
