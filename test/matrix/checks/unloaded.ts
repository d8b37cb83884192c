import assert from 'node:assert/strict';
import type { Check } from '../check.ts';

interface Loaded {
	id: number;
}

export default {
	shows: 'SIGKILL leaves no program, map or link of the tool in the kernel.',
	on: ({ arch }) => arch === 'amd64',
	async run(guest) {
		const ids = async (kind: string): Promise<number[]> =>
			(JSON.parse(await guest.run('bpftool', '-j', kind, 'show')) as Loaded[]).map(({ id }) => id);
		const kinds = ['prog', 'map', 'link'] as const;
		const before = await Promise.all(kinds.map(ids));
		const running = guest.start(...guest.program, '--batch', '--json', '--tab', 'overview', '--delay', '1');
		await running.firstLine;
		const during = await Promise.all(kinds.map(ids));
		for (const [index, kind] of kinds.entries())
			assert.ok((during[index]?.length ?? 0) > (before[index]?.length ?? 0), `it has no ${kind} while it runs`);
		running.kill('SIGKILL');
		await running.ended;
		// the kernel frees them after a grace period
		for (let tries = 0; tries < 50; tries++) {
			const after = await Promise.all(kinds.map(ids));
			if (after.every((left, index) => left.every((id) => before[index]?.includes(id)))) return;
			await guest.seconds(0.2);
		}
		assert.fail('programs, maps or links are left');
	},
} satisfies Check;
