/** Files of a profile, read back by others' code or by their rules. */
import { gunzipSync } from 'node:zlib';
import { Profile as Pprof } from 'pprof-format';
import { describe, expect, test } from 'vitest';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { folded } from '../../src/profile/formats/folded.ts';
import { formatOfFile } from '../../src/profile/formats/formats.ts';
import { profileJson } from '../../src/profile/formats/json.ts';
import { pprof } from '../../src/profile/formats/pprof.ts';
import { speedscope } from '../../src/profile/formats/speedscope.ts';
import { svg } from '../../src/profile/formats/svg.ts';
import type { Profile, ProfileStack } from '../../src/profile/model.ts';
import { reasonOf } from '../../src/profile/reason.ts';
import { cutText, profileTable, unwoundText } from '../../src/profile/text.ts';
import { functionsOf, treeOf } from '../../src/profile/tree.ts';

const stack = (frames: readonly number[], count: number, more: Partial<ProfileStack> = {}): ProfileStack => ({
	pid: 10,
	tid: 11,
	comm: safe`server`,
	thread: safe`worker`,
	state: 'on-cpu',
	frames,
	count,
	ns: count * 1e7,
	...more,
});

const profile = (more: Partial<Profile> = {}): Profile => ({
	mode: 'on-cpu',
	begun_ms: 1_700_000_000_000,
	seconds: 10,
	hz: 100,
	unwound: null,
	late_symbols: { compressed: { asked: 0, found: 0, refused: 0 }, debuginfod: null },
	target_ended: false,
	target: safe`pid 10`,
	frames: [
		{ name: safe`main`, module: safe`server`, build_id: 'ab12', kind: 'user' },
		{ name: safe`work<a;b>`, module: safe`server`, build_id: 'ab12', kind: 'user' },
		{ name: safe`schedule`, module: safe`kernel`, build_id: '', kind: 'kernel' },
		{ name: sanitize('</title><script>alert(1)</script>&"'), module: safe`JIT`, build_id: '', kind: 'jit' },
	],
	stacks: [stack([0, 1], 70), stack([0, 1, 2], 20), stack([0, 3], 10, { tid: 12 })],
	quality: {
		user_stacks: 100,
		cut: 41,
		cut_after_2: 12,
		unnamed: 0,
		deep: 0,
		ended_processes: 0,
		kernel_hidden: false,
	},
	lost: {},
	symbol_bytes: 0,
	...more,
});

test('folded: outermost first, separators in names replaced, marks of kinds', () => {
	expect(folded(profile()).split('\n')).toEqual([
		'server;main;work<a:b> 70',
		'server;main;work<a:b>;schedule_[k] 20',
		'server;main;</title><script>alert(1)</script>&"_[j] 10',
		'',
	]);
});

test('folded waits: state above, microseconds', () => {
	const waits = profile({ mode: 'off-cpu', stacks: [stack([0], 3, { state: 'futex', ns: 4_500_000 })] });
	expect(folded(waits)).toBe('server;[futex];main 4500\n');
});

test('pprof: values, names, innermost location first, labels', async () => {
	const decoded = Pprof.decode(gunzipSync(await pprof(profile())));
	const text = (index: unknown) => decoded.stringTable.strings[Number(index)];
	expect(decoded.sampleType.map(({ type, unit }) => [text(type), text(unit)])).toEqual([
		['samples', 'count'],
		['cpu', 'nanoseconds'],
	]);
	const names = (ids: readonly unknown[]) =>
		ids.map((id) => {
			const location = decoded.location.find((one) => Number(one.id) === Number(id));
			const line = location?.line[0];
			return text(decoded.function.find((one) => Number(one.id) === Number(line?.functionId))?.name);
		});
	const [, second] = decoded.sample;
	expect(names(second?.locationId ?? [])).toEqual(['schedule', 'work<a;b>', 'main']);
	expect(second?.value.map(Number)).toEqual([20, 2e8]);
	expect(Number(decoded.durationNanos)).toBe(1e10);
	expect(text(decoded.mapping[0]?.buildId)).toBe('ab12');
	expect(second?.label.map(({ key, str, num }) => [text(key), text(str) || Number(num)])).toContainEqual(['pid', 10]);
});

test('speedscope: weights add up, a profile per thread', () => {
	const document = JSON.parse(speedscope(profile(), 'wattlag'));
	expect(document.$schema).toBe('https://www.speedscope.app/file-format-schema.json');
	expect(document.profiles).toHaveLength(3);
	const [all] = document.profiles;
	expect(all.endValue).toBe(100);
	for (const { samples, weights } of document.profiles) {
		expect(samples).toHaveLength(weights.length);
		for (const sample of samples)
			for (const frame of sample) expect(document.shared.frames[frame]).toHaveProperty('name');
	}
});

test('SVG: foreign names cannot end an element, and all frames are there', () => {
	const text = svg(profile());
	expect(text).not.toContain('<script>alert');
	expect(text).toContain('&lt;script&gt;alert(1)');
	expect(text.match(/<g class="f"/g)).toHaveLength(6);
	expect(text).toContain('41 % of user stacks are cut');
	expect(text).not.toMatch(/(href|src)=/);
});

test('JSON: functions with own and total', () => {
	const { functions, stacks, states_ns } = JSON.parse(profileJson(profile()));
	expect(functions[0]).toMatchObject({ name: 'work<a;b>', self: 70, total: 90 });
	expect(stacks).toHaveLength(3);
	expect(states_ns['on-cpu']).toBe(1e9);
});

test('the table: shares, and the share of cut stacks', () => {
	const text = profileTable(profile(), 2);
	expect(text).toContain('70.0%   90.0%  work<a;b>  server');
	expect(text).toContain('41 % of user stacks are cut, 12 % after 2 frames: no frame pointers');
	expect(cutText(profile({ quality: { ...profile().quality, cut: 0 } }))).toBe('');
	const cut = { ended: 25, compiled: 14, beyond_copy: 2 };
	const unwound = { stacks: 100, bytes: 100 * 9216, files: 61, files_whole: 59, cut };
	expect(unwoundText(profile({ unwound }))).toBe(
		'100 user stacks unwound by the tables of their files: 59 % are whole, of code from files 96 %; cut: 25 % of processes that had ended, 14 % in compiled code, 2 % beyond the copy; 9 KiB copied of each',
	);
	// a recording of before has no causes
	expect(unwoundText(profile({ unwound: { stacks: 100, bytes: 0 } }))).toMatch(/: 59 % are whole; 0 KiB/);
});

test('the longest ending decides', () => {
	expect(formatOfFile('a.speedscope.json')?.name).toBe('speedscope');
	expect(formatOfFile('a.json')?.name).toBe('json');
	expect(formatOfFile('a.pb.gz')?.name).toBe('pprof');
	expect(formatOfFile('a.exe')).toBeUndefined();
});

describe('trees', () => {
	const frame = (name: string) => ({ name, kind: 'user', module: '' });

	test('a recursive function counts once in total', () => {
		const [f] = functionsOf([{ frames: [frame('f'), frame('f'), frame('f')], value: 5 }]);
		expect(f).toMatchObject({ name: 'f', self: 5, total: 5 });
	});

	test('10,000 frames deep', () => {
		const deep = Array.from({ length: 10_000 }, (_, at) => frame(`f${at}`));
		const root = treeOf([{ frames: deep, value: 1 }]);
		let depth = 0;
		for (let node = root; node.children[0]; node = node.children[0]) depth++;
		expect(depth).toBe(10_000);
	});
});

test.each([
	[['__schedule', 'schedule', 'futex_do_wait', '__futex_wait', 'do_futex'], 'futex'],
	[['__schedule', 'schedule', 'io_schedule', 'folio_wait_bit_common', 'filemap_fault'], 'disk IO'],
	[['__schedule', 'schedule', 'io_schedule', 'folio_wait_bit_common', 'do_swap_page', 'handle_mm_fault'], 'memory'],
	[['__schedule', 'schedule', 'schedule_preempt_disabled', 'rwsem_down_write_slowpath', 'down_write'], 'lock'],
	[['__schedule', 'schedule', 'anon_pipe_read', 'vfs_read'], 'pipe or socket'],
	[['__schedule', 'schedule', 'do_nanosleep', 'hrtimer_nanosleep'], 'sleep'],
	[['__schedule', 'schedule', 'schedule_hrtimeout_range', 'do_epoll_wait'], 'poll'],
	[['__schedule', 'schedule', 'kthread'], 'other wait'],
])('reason of %j is %s', (names, reason) => {
	expect(reasonOf(names)).toBe(reason);
});
