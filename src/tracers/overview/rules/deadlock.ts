import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { count, duration } from '../format.ts';
import { equals } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import type { Deadlock } from '../tasks/deadlock.ts';

const limits = { asleep_ns: 2e9 };

/** Members of a circle that are named. */
const NAMED = 4;

function circleText({ circle }: Deadlock): SafeText {
	const [only] = circle;
	if (circle.length === 1 && only) return safe`thread ${only.comm}[${only.tid}] waits for a mutex that it has itself`;
	const steps = circle.slice(0, NAMED).map(({ comm, tid }, index) => {
		const next = circle[(index + 1) % circle.length] as Deadlock['circle'][0];
		return safe`${comm}[${tid}] for one of ${next.comm}[${next.tid}]`;
	});
	const more = circle.length > NAMED ? safe` and ${count(circle.length - NAMED)} more` : safe``;
	return safe`${count(circle.length)} threads wait for each other’s mutexes: ${steps.join(', ') as SafeText}${more}`;
}

/** Threads of a process wait for each other's mutexes. */
export const deadlock = {
	id: 'deadlock',
	level: 'severe',
	title: 'deadlocks',
	help: `Threads of one process have waited ${duration(limits.asleep_ns)} or longer for mutexes of the C library that they have themselves, in a circle: the word behind a mutex names the thread that has it. Other locks (Java monitors, Atomics of JavaScript, Go) do not say who has them: see halted.`,
	uncheckable: ({ noTasks }) => noTasks,
	check: ({ deadlocks }) =>
		deadlocks.map((one) => ({
			about: `${one.pid}:${one.start_time} ${Math.min(...one.circle.map(({ tid }) => tid))}`,
			excess: excessOf([one.for_ns, limits.asleep_ns]),
			subject: safe`${one.comm}[${one.pid}]`,
			text: safe`${circleText(one)}, for ${duration(one.for_ns)}`,
			figures: { for_ns: one.for_ns, threads: one.circle.length },
			witnesses: [
				safe`the task iterator: each of these threads sleeps in a futex wait and has not run`,
				...one.circle.slice(0, NAMED).map(({ tid, address }, index) => {
					const next = one.circle[(index + 1) % one.circle.length] as Deadlock['circle'][0];
					return safe`memory of the process: the mutex at ${address as SafeText} that ${tid} waits for belongs to ${next.tid}`;
				}),
			],
			owner: null,
			link: {
				tab: 'overview' as const,
				group: 'process',
				filter: equals('comm', one.comm),
				process: `${one.pid}:${one.start_time}`,
			},
			held_ns: one.for_ns,
			touches: 1,
		})),
} as const satisfies Rule;
