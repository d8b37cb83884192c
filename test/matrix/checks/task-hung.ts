import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { events } from '../../../src/tracers/events/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const TIMEOUT = '/proc/sys/kernel/hung_task_timeout_secs';

export default {
	shows:
		'Two writers to a frozen file system: blocked after 1 s with it as their root, hung after 2 s, each once by its tracepoint.',
	on: isPlain,
	// the kernel logs the stack of a hung task
	last: true,
	limit: 240,
	async run(guest) {
		const mount = `${guest.folder}/mount`;
		await guest.shell(`mkfs.ext4 -q -F ${guest.disk} 65536; mkdir ${mount}; mount ${guest.disk} ${mount}`);
		guest.atEnd(() => guest.shell(`umount ${mount}`));
		const session = guest.measure(events);
		session.read();
		const before = readFileSync(TIMEOUT, 'utf8');
		writeFileSync(TIMEOUT, '2');
		guest.atEnd(() => writeFileSync(TIMEOUT, before));
		// open before the freeze: the descriptor of their call says which file system it is
		const writers = ['a', 'b'].map((name) =>
			guest.start(
				'sh',
				'-c',
				`exec 3>${mount}/${name}; echo open; while [ ! -e ${guest.folder}/go ]; do sleep 0.2; done; echo x >&3`,
			),
		);
		await Promise.all(writers.map(({ firstLine }) => firstLine));
		await guest.shell(`fsfreeze -f ${mount}; touch ${guest.folder}/go`);
		guest.atEnd(() => guest.shell(`fsfreeze -u ${mount} || true`));
		const pids = writers.map(({ pid }) => pid);
		const hung = new Set<number>();
		let root = '';
		let tasks = 0;
		for (let tries = 0; tries < 30 && (hung.size < 2 || tasks < 2); tries++) {
			await guest.seconds(1);
			const { extra } = session.read();
			for (const { kind, pid, origin } of extra.events)
				if (kind === 'hung-task' && pids.includes(pid) && origin === 'tracepoint') hung.add(pid);
			const chain = extra.wait_chains.find((one) => pids.every((pid) => one.pids.includes(pid)));
			if (chain) [root, tasks] = [chain.root.name, chain.tasks];
		}
		await guest.shell(`fsfreeze -u ${mount}`);
		await Promise.all(writers.map(({ ended }) => ended));
		guest.note(`root: ${root}; ${tasks} tasks; hung ${hung.size}`);
		assert.equal(tasks, 2);
		assert.equal(root, `the frozen file system of ${guest.disk.replace('/dev/', '')}`);
		assert.deepEqual([...hung].sort(), [...pids].sort());
	},
} satisfies Check;
