import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly } from '../support/agree.ts';
import { compareRequests } from '../support/disk.ts';

const DISKS = Array.from({ length: 24 }, (_, index) => `/dev/nullb${index}`);

export default {
	shows: 'Twenty-four disks with every kind of request on every CPU: each equals /proc/diskstats; none is lost.',
	on: (machine) => isPlain(machine) || machine.possibleCpus > machine.cpus,
	modules: ['null_blk nr_devices=24 gb=1 memory_backed=1 discard=1 cache_size=1 submit_queues=2'],
	limit: 300,
	async run(guest) {
		const found = await compareRequests(guest, DISKS, () =>
			guest.run(guest.helper('requests'), guest.machine.cpus, ...DISKS),
		);
		const { named = 0, lost } = found.get('/dev/nullb0') ?? assert.fail('not compared');
		guest.note(`lost ${JSON.stringify(lost)}`);
		for (const [device, { counts }] of found) {
			for (const what of ['reads', 'writes', 'discards', 'flushes']) {
				const { kernel, ours } = counts.get(what) ?? assert.fail(what);
				agreeExactly(`${device}: ${what}`, ours, kernel, lost?.['skipped'] ?? 0);
			}
			assert.ok((counts.get('reads')?.kernel ?? 0) > 0, `the load made no reads of ${device}`);
		}
		assert.equal(lost?.['stats_full'] ?? 0, 0, `${named} lost`);
	},
} satisfies Check;
