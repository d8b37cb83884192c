import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Waiting } from '../../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const GROUP = '/sys/fs/cgroup/budgets';
const LOOP = 'while :; do :; done';

export default {
	shows:
		'Tasks that have used up a budget (SCHED_DEADLINE, the quota of a group) are distinguished from tasks that wait for a CPU; with own stamps (5.10) the quota is left to cpu.stat.',
	on: isPlain,
	limit: 240,
	async run(guest) {
		writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+cpu');
		mkdirSync(GROUP);
		guest.atEnd(() => rmdirSync(GROUP));
		writeFileSync(`${GROUP}/cpu.max`, '20000 1000000');
		const session = guest.measure(runqlat, {}, 'process');
		const period = ['--sched-runtime', '40000000', '--sched-deadline', '3000000000', '--sched-period', '3000000000'];
		const tasks = {
			budget: guest.start('chrt', '--deadline', ...period, '0', '/run/matrix/busybox', 'sh', '-c', LOOP),
			quota: guest.start('sh', '-c', `echo $$ > ${GROUP}/cgroup.procs; exec /run/matrix/busybox sh -c '${LOOP}'`),
		};
		const found: Record<keyof typeof tasks, Waiting[]> = { budget: [], quota: [] };
		let kind = '';
		for (let reads = 0; reads < 24; reads++) {
			await guest.seconds(0.2);
			const { extra, source } = session.read();
			kind = source.kind;
			for (const name of ['budget', 'quota'] as const)
				found[name].push(...extra.waiting.filter(({ pid, age_ns }) => pid === tasks[name].pid && age_ns > 0.25e9));
		}
		for (const [name, all] of Object.entries(found)) {
			guest.note(`${name}: ${all.filter(({ throttled }) => throttled).length} of ${all.length}`);
			assert.ok(all.length > 5, `${name}: listed ${all.length} times`);
			// a throttled group is in cpu.stat, which the overview reads
			if (kind === 'own stamps' && name === 'quota') continue;
			const starve = all.filter(({ throttled, runnable, age_ns }) => !throttled && runnable && age_ns > 1e9);
			assert.deepEqual(starve, [], name);
			if (kind !== 'own stamps') assert.ok(all.filter(({ throttled }) => !throttled).length <= all.length / 10, name);
		}
	},
} satisfies Check;
