/** Profiles against loads of known shape, the kernel's own accounting, its own stacks, and perf. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Host } from '../../src/core/tracer.ts';
import { pprof } from '../../src/profile/formats/pprof.ts';
import type { ProfileStack } from '../../src/profile/model.ts';
import { loadDemangler } from '../../src/symbols/demangle.ts';
import { kernelStackOf } from '../../src/tracers/profile/clocks.ts';
import { realHost } from './host.ts';
import { temporaryDirectory } from './leftovers.ts';
import { begin, buildProfiled, endAll, figures, load, loadOf, namesOf, take } from './profiled.ts';
import { schedstat } from './workload.ts';

const directory = temporaryDirectory(join(process.cwd(), 'build/profile-'));
const program = join(directory.path, 'profiled');
buildProfiled(program);
const has = (name: string) => realHost().addon.hasType('func', name);

afterEach(endAll);
afterAll(() => directory.remove());

/** Of a kernel before 6.16: without the hook at the end of a switch. */
function olderHost(): Host {
	const host = realHost();
	const hasType: Host['addon']['hasType'] = (kind, name) =>
		name !== 'btf_trace_sched_exit_tp' && host.addon.hasType(kind, name);
	// its functions cannot be listed
	const addon = Object.create(host.addon, { hasType: { value: hasType } });
	return { ...host, addon };
}

const sum = (stacks: readonly ProfileStack[]) => stacks.reduce((total, { ns }) => total + ns, 0);

test('functions of 70, 20 and 10 % have these shares, within the bound of a binomial', async () => {
	const { pid } = await load(program, 'shares');
	const profile = await take('on-cpu', pid, 1500, 997);
	// what interrupts the function is on top of it: total, not self
	const share = Object.fromEntries(
		figures(profile)
			.filter(({ name }) => ['seventy', 'twenty', 'ten'].includes(name))
			.map(({ name, total }) => [name, total]),
	);
	const n = Object.values(share).reduce((total, one) => total + one, 0);
	expect(n).toBeGreaterThan(100);
	for (const [name, p] of [
		['seventy', 0.7],
		['twenty', 0.2],
		['ten', 0.1],
	] as const) {
		// 5 standard deviations, and one point for the loops' own overhead
		const bound = 5 * Math.sqrt((p * (1 - p)) / n) + 0.01;
		expect(Math.abs((share[name] ?? 0) / n - p), `${name} of ${n}`).toBeLessThan(bound);
	}
	// samples × period is the run time
	const { main } = Object.fromEntries(figures(profile).map((one) => [one.name, one]));
	expect(main?.total).toBeGreaterThan(0.9 * profile.stacks.reduce((total, { count }) => total + count, 0));
	// a sample between a call and its frame pointer has none of its callers
	expect(profile.quality.cut / n).toBeLessThan(0.01);
});

test.each([
	['at the end of a switch', realHost],
	['at its begin, as before 6.16', olderHost],
] as const)(
	'waits are wall clock − run time − run delay of the kernel, and the mutex is found: %s',
	async (_, host) => {
		const { pid } = await load(program, 'waits');
		const one = begin('off-cpu', pid, 99, false, host());
		if (host === olderHost) expect(one.hooks).toContain('tp_btf/sched_switch');
		const before = { ...schedstat(pid), at: performance.now() };
		await setTimeout(1500);
		one.stop();
		const after = { ...schedstat(pid), at: performance.now() };
		const profile = one.profile();
		const threads = readdirSync(`/proc/${pid}/task`).length;
		const truth =
			threads * (after.at - before.at) * 1e6 - (after.cpu_ns - before.cpu_ns) - (after.wait_ns - before.wait_ns);
		const blocked = sum(profile.stacks.filter(({ state }) => state !== 'waits for a CPU'));
		// the test reads its figures a little later and earlier than the profile
		expect(Math.abs(blocked - truth) / truth).toBeLessThan(0.05);
		// libc has no frame pointers here: the function that calls it is skipped, and the one above is found
		const futex = profile.stacks.filter(({ state, count }) => state === 'futex' && count > 0);
		expect(futex.map((stack) => namesOf(profile, stack)).some((names) => names.includes('wanter'))).toBe(true);
		const sleeps = profile.stacks.filter(({ state, count }) => state === 'sleep' && count > 0);
		expect(sleeps.map((stack) => namesOf(profile, stack)).some((names) => names.includes('holder'))).toBe(true);
		// no function of our own hook
		expect(profile.frames.map(({ name }) => name).filter((name) => /^bpf_/.test(name))).toEqual([]);
	},
);

test('running and waiting add up to the wall clock of every thread', async () => {
	const { pid } = await load(program, 'waits');
	const profile = await take('wall', pid, 1200);
	const threads = new Map<number, number>();
	for (const { tid, ns } of profile.stacks) threads.set(tid, (threads.get(tid) ?? 0) + ns);
	expect(threads.size).toBe(3);
	for (const ns of threads.values()) expect(Math.abs(ns / 1e9 / profile.seconds - 1)).toBeLessThan(0.05);
});

test("the kernel stack of a wait is the kernel's own of the blocked task", async () => {
	const child = await load(program, 'pipe');
	const truth = kernelStackOf('/proc', child.pid, child.pid);
	const one = begin('off-cpu', child.pid);
	for (let round = 0; round < 4; round++) {
		await setTimeout(60);
		child.stdin?.write('x');
	}
	await setTimeout(60);
	one.stop();
	const profile = one.profile();
	const [longest] = profile.stacks.filter(({ count }) => count > 0);
	const kernel = longest ? longest.frames.filter((at) => profile.frames[at]?.kind === 'kernel') : [];
	const ours = kernel.map((at) => profile.frames[at]?.name as string).reverse();
	expect(longest?.state).toBe('pipe or socket');
	expect(truth.length).toBeGreaterThan(3);
	// /proc leaves out the scheduler's own functions
	expect(ours.slice(-truth.length)).toEqual(truth);
});

test('functions of a program that was deleted and replaced', async () => {
	const copy = join(directory.path, 'profiled-copy');
	copyFileSync(program, copy);
	execFileSync('chmod', ['+x', copy]);
	const { pid } = await load(copy, 'shares');
	rmSync(copy);
	writeFileSync(copy, 'another file');
	const profile = await take('on-cpu', pid, 500, 497);
	expect(figures(profile).map(({ name }) => name)).toContain('seventy');
});

test('10,000 frames of recursion: the innermost 127, and they are counted', async () => {
	const { pid } = await load(program, 'deep');
	const profile = await take('on-cpu', pid, 400, 497);
	const deepest = profile.stacks.reduce((most, { frames }) => Math.max(most, frames.length), 0);
	expect(deepest).toBeGreaterThanOrEqual(127);
	expect(profile.quality.deep).toBeGreaterThan(0);
});

test('the semaphore of a file that threads write, and a writer that holds it', async () => {
	const { pid } = await load(program, 'writers', join(directory.path, 'written'));
	const profile = await take('locks', pid, 1000);
	const [first] = profile.stacks.filter(({ lock }) => lock?.startsWith('rwsem (write)'));
	expect(first?.lock).toMatch(/^rwsem \(write\)( of \w+)? in /);
	expect(first?.owner).toMatch(new RegExp(`^profiled\\[${pid}\\]`));
	// of 6.14: the inode's cache; of 6.2: where the owner was
	if (has('bpf_get_kmem_cache')) expect(first?.lock).toMatch(/^rwsem \(write\) of \w*inode\w* in /);
	const stacks = profile.stacks.flatMap(({ owner_stack }) => (owner_stack ? [owner_stack] : []));
	if (has('bpf_task_from_pid'))
		expect(stacks.some((names: readonly string[]) => names.includes('vfs_write'))).toBe(true);
	expect(profile.lost['counts_full']).toBe(0);
});

test('children that end before anybody reads their mappings have those of their parent', async () => {
	await load(program, 'forks');
	await loadDemangler();
	const one = begin('on-cpu', 0, 997, false, realHost(), { target: { comm: 'profiled' } });
	// no drain in between: most children have ended when they are read
	await setTimeout(700);
	one.stop();
	const profile = one.profile();
	const [hottest] = figures(profile);
	expect(hottest?.name).toBe('seventy');
	expect(hottest?.total).toBeGreaterThan(0.5 * profile.stacks.reduce((total, { count }) => total + count, 0));
});

test('a mutex of a program, by the function that wants it', async () => {
	const { pid } = await load(program, 'waits');
	const profile = await take('locks', pid, 800);
	expect(profile.stacks.map(({ lock }) => lock)).toContain('futex in wanter');
});

test('perf names the same functions', async () => {
	const { pid } = await load(program, 'shares');
	const data = join(directory.path, 'perf.data');
	const record = spawn('perf', [
		'record',
		'-q',
		'-e',
		'cpu-clock',
		'-F',
		'499',
		'-g',
		'-p',
		String(pid),
		'-o',
		data,
		'sleep',
		'0.8',
	]);
	const profile = await take('on-cpu', pid, 800, 499);
	if (record.exitCode === null) await once(record, 'exit');
	const script = execFileSync('perf', ['script', '-i', data, '-F', 'ip,sym,dso'], {
		encoding: 'utf8',
		maxBuffer: 1 << 28,
		stdio: ['ignore', 'pipe', 'ignore'],
	});
	const theirs = new Set<string>();
	for (const [, name, file] of script.matchAll(/^\s+[0-9a-f]+ (.+) \((.*)\)$/gm))
		if (file?.endsWith('/profiled') && name !== '[unknown]') theirs.add((name as string).replace(/\+0x[0-9a-f]+$/, ''));
	const ours = new Set(profile.frames.filter(({ module }) => module === 'profiled').map(({ name }) => name as string));
	expect(theirs.size).toBeGreaterThanOrEqual(3);
	expect([...theirs].filter((name) => !ours.has(name))).toEqual([]);
	// what has few samples here may have none there
	const often = figures(profile).filter(({ name, total }) => ours.has(name) && total >= 20);
	expect(often.map(({ name }) => name as string).filter((name) => !theirs.has(name))).toEqual([]);
});

test('go tool pprof reads the file, with the same figures', async ({ skip }) => {
	const version = spawnSync('go', ['version']);
	skip(version.status !== 0, 'Go is not installed (golang-go)');
	const { pid } = await load(program, 'shares');
	const profile = await take('on-cpu', pid, 500, 997);
	const file = join(directory.path, 'shares.pb.gz');
	writeFileSync(file, await pprof(profile));
	const top = execFileSync('go', ['tool', 'pprof', '-top', '-sample_index=samples', '-nodefraction=0', file], {
		...{ encoding: 'utf8', env: { ...process.env, HOME: directory.path }, stdio: ['ignore', 'pipe', 'ignore'] },
	} as const);
	for (const { name, self, total } of figures(profile).filter(({ total }) => total >= 5)) {
		const line = top.split('\n').find((one) => one.trimEnd().endsWith(` ${name}`));
		const [flat, , , sum] = line?.trim().split(/\s+/) ?? [];
		expect([name, Number(flat), Number(sum)]).toEqual([name, self, total]);
	}
});

const XZ = '/usr/bin/xz';

/** xz of the distribution, that compresses without end. */
async function compressing(): Promise<number> {
	const { pid } = await loadOf('xz', XZ, '-9', '-T1', '-c', '/dev/urandom');
	await setTimeout(300);
	return pid;
}

describe('stacks without frame pointers', () => {
	const chain = join(directory.path, 'profiled-chain');
	execFileSync('clang', [
		...['-O2', '-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-pthread', '-Wall'],
		...['test/truth/fixtures/chain.c', '-o', chain],
	]);
	/** Of the fixture, outermost first; libc's own functions are between 4 and 5. */
	const links = Array.from({ length: 9 }, (_, index) => `link_${index + 1}`);

	test.each([
		['chain', 'on-cpu', 'main'],
		// what libc calls it from has no name without debugging symbols
		['thread', 'on-cpu', 'begin'],
		['signal', 'on-cpu', 'handler'],
		['sleep', 'off-cpu', 'main'],
	] as const)('%s: every call of the chain, in its order', async (what, mode, begins) => {
		const { pid } = await load(chain, what);
		const profile = await take(mode, pid, 500, 997, true);
		const counted = profile.stacks.filter(
			({ count, state }) => count > 0 && state === (mode === 'on-cpu' ? mode : 'sleep'),
		);
		const all = counted.reduce((sum, { count }) => sum + count, 0);
		expect(all).toBeGreaterThan(20);
		let whole = 0;
		for (const stack of counted) {
			const names = namesOf(profile, stack);
			const own = names.filter((name) => /^link_/.test(name));
			if (names.includes(begins) && own.join() === links.slice(0, own.length).join()) whole += stack.count;
		}
		// one may be interrupted before the first call, or in libc
		expect(whole / all).toBeGreaterThan(0.97);
		expect(profile.quality.cut / profile.quality.user_stacks).toBeLessThan(0.03);
		expect(profile.unwound?.stacks).toBe(all);
		// all of it is code from files that were there
		expect(profile.unwound?.files).toBe(profile.quality.user_stacks);
		expect(Number(profile.unwound?.files_whole) / all).toBeGreaterThan(0.97);
		expect(profile.lost['copies_lost']).toBe(0);
	});

	test('a program of the distribution: its stacks are whole, with the names that perf unwinds', async () => {
		const pid = await compressing();
		const data = join(directory.path, 'dwarf.data');
		const record = spawn('perf', [
			...['record', '-q', '-e', 'cpu-clock:u', '-F', '199', '--call-graph', 'dwarf,16384', '-p', String(pid)],
			...['-o', data, 'sleep', '0.6'],
		]);
		const profile = await take('on-cpu', pid, 800, 199, true);
		expect(profile.quality.user_stacks).toBeGreaterThan(10);
		expect(profile.quality.cut / profile.quality.user_stacks).toBeLessThan(0.1);
		if (record.exitCode === null) await once(record, 'exit');
		const script = execFileSync('perf', ['script', '-i', data, '-F', 'ip,sym'], {
			...{ encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] },
		} as const);
		const theirs = new Set(
			Array.from(script.matchAll(/^\s+[0-9a-f]+ (lzma_\w+|main)/gm), ([, name]) => name as string),
		);
		const ours = new Set(profile.frames.map(({ name }) => name as string));
		expect(theirs.size).toBeGreaterThan(0);
		expect([...theirs].filter((name) => !ours.has(name))).toEqual([]);
	});

	test('code that was compiled at run time without frame pointers is counted by that cause, beside that of files', async () => {
		const { pid } = await load(chain, 'compiled');
		const { quality, unwound } = await take('on-cpu', pid, 400, 997, true);
		expect(quality.cut / quality.user_stacks).toBeGreaterThan(0.9);
		expect(unwound?.cut?.['compiled']).toBe(quality.cut);
		expect(Number(unwound?.files) / quality.user_stacks).toBeLessThan(0.1);
	});

	test('without unwinding, they are counted as cut', async () => {
		const { pid } = await load(chain, 'chain');
		const { quality, unwound } = await take('on-cpu', pid, 300, 997);
		expect(quality.cut / quality.user_stacks).toBeGreaterThan(0.9);
		expect(unwound).toBeNull();
	});
});
