import { safe } from '../../../lib/sanitize.ts';
import { duration } from '../format.ts';
import { missingTab } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import { deviceWitness, lockWitness, pressureWitness } from '../witnesses.ts';

const limits = { age_ns: 1e9 };

/** Tasks that sleep uninterruptibly, and what they wait for. */
export const blocked = {
	id: 'blocked',
	level: 'severe',
	title: 'blocked tasks',
	help: `A task has slept uninterruptibly for ${duration(limits.age_ns)} or longer. The text has the chain: what it waits for, and what that waits for. Severe only with a second witness beside its state: the lock's own word names who has it, the kernel counts requests in flight on the device, or PSI; else high. Owner: the oldest one.`,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		const { events } = interval.sources;
		if (!events) return [];
		return events.wait_chains.map((chain) => {
			const { steps, tasks, oldest_ns, text, pids, root } = chain;
			const first = events.blocked.find(({ pid }) => pid === pids[0]);
			return {
				about: steps.map(({ name }) => name).join(' '),
				excess: excessOf([oldest_ns, limits.age_ns]),
				subject: root.name,
				text,
				figures: { tasks, oldest_ns },
				witnesses: first
					? [
							safe`the task iterator: ${first.comm}[${first.tid}] sleeps uninterruptibly${first.stack[0] === undefined ? safe`` : safe` in ${first.stack[0]}`}`,
							...lockWitness(chain),
							...deviceWitness(interval, root.name, limits.age_ns / 2),
							...pressureWitness(interval, 'io'),
							...pressureWitness(interval, 'memory'),
						]
					: [],
				owner: first
					? { role: safe`oldest`, pid: first.pid, start_time: first.start_time, comm: first.comm, processes: 1 }
					: null,
				link: { tab: 'events' as const, view: 'wait chains', filter: '' },
			};
		});
	},
} as const satisfies Rule;
