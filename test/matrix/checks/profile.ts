import assert from 'node:assert/strict';
import { Unavailable } from '../../../src/core/errors.ts';
import { safe } from '../../../src/lib/sanitize.ts';
import type { Profile, ProfileMode, ProfileStack } from '../../../src/profile/model.ts';
import { kernelStackOf } from '../../../src/tracers/profile/clocks.ts';
import { Taking } from '../../../src/tracers/profile/taking.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const namesOf = ({ frames }: Profile, stack: ProfileStack): string[] =>
	stack.frames.map((index) => frames[index]?.name ?? '');

export default {
	shows:
		"Profiles of running code, of waits and of locks load; names are those of the program, the stack of a wait is the kernel's own, and the time of threads adds up.",
	on: isPlain,
	short: true,
	limit: 300,
	async run(guest) {
		const load = guest.start(guest.helper('profiled'));
		const waiting = Number(await load.firstLine);
		await guest.seconds(1);
		// it wakes up every 50 ms, and the kernel tells one or two functions of a thread that is just being switched
		let truth = kernelStackOf('/proc', load.pid, waiting);
		for (let turn = 0; turn < 50 && truth.length <= 2; turn++) {
			await guest.seconds(0.02);
			truth = kernelStackOf('/proc', load.pid, waiting);
		}
		const take = async (mode: ProfileMode, seconds: number): Promise<{ profile: Profile; missing: string[] }> => {
			const one = new Taking(guest.host, {
				...{ mode, target: { tgid: load.pid }, targetText: safe`the load`, hz: 99, offCpuMin: 1e6, unwind: false },
			});
			try {
				for (let left = seconds; left > 0; left -= 0.2) {
					await guest.seconds(0.2);
					one.drain();
				}
				one.stop();
				return { profile: one.profile(), missing: one.missing };
			} finally {
				one.close();
			}
		};

		const { profile: wall, missing } = await take('wall', 4);
		const running = wall.stacks.filter(({ state, count }) => state === 'on-cpu' && count > 0);
		const samples = (name: string) =>
			running.reduce((sum, stack) => sum + (namesOf(wall, stack).includes(name) ? stack.count : 0), 0);
		const [three, one] = [samples('three_parts'), samples('one_part')];
		guest.note(`${three} and ${one} samples; missing: ${missing.join('; ') || 'nothing'}`);
		assert.ok(three + one > 20, `${three} and ${one} samples`);
		// 3 to 1, within 5 standard deviations of a binomial
		const n = three + one;
		assert.ok(Math.abs(three / n - 0.75) < 5 * Math.sqrt(0.1875 / n) + 0.02, `${three} of ${n}`);

		const piped = wall.stacks.filter(({ tid, count, state }) => tid === waiting && count > 0 && state !== 'on-cpu');
		const [longest] = piped.filter(({ state }) => state !== 'waits for a CPU' && state !== 'short waits');
		assert.equal(longest?.state, 'pipe or socket');
		const kernel = (longest?.frames ?? []).filter((index) => wall.frames[index]?.kind === 'kernel');
		const ours = kernel.map((index) => wall.frames[index]?.name as string).reverse();
		assert.ok(truth.length > 2, `the kernel's own stack: ${truth.join(' ')}`);
		assert.deepEqual(ours.slice(-truth.length), truth);

		const threads = new Map<number, number>();
		for (const { tid, ns } of wall.stacks) threads.set(tid, (threads.get(tid) ?? 0) + ns);
		assert.equal(threads.size, 5);
		// the two ends of the profile are read one after the other, on an emulated CPU
		for (const [tid, ns] of threads)
			assert.ok(Math.abs(ns / 1e9 / wall.seconds - 1) < 0.15, `thread ${tid}: ${ns / 1e9} s of ${wall.seconds} s`);

		if (!guest.host.addon.hasType('typedef', 'btf_trace_contention_begin')) {
			await assert.rejects(take('locks', 0.2), Unavailable);
			return guest.note('no contention tracepoints: locks are refused');
		}
		const { profile: locks } = await take('locks', 3);
		assert.ok(
			locks.stacks.some(({ lock }) => lock === 'futex in want'),
			locks.stacks.map(({ lock }) => lock).join(', '),
		);
	},
} satisfies Check;
