import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { agreeExactly } from '../support/agree.ts';
import { compareRequests, everyRequest } from '../support/disk.ts';

export default {
	shows: 'Reads, writes, discards and flushes of a disk, and their bytes, equal /proc/diskstats; losses are reported.',
	on: ({ arch }) => arch === 'amd64',
	short: true,
	async run(guest) {
		const found = await compareRequests(guest, [guest.disk], () => everyRequest(guest, guest.disk, [0, 1]));
		const { counts, named, lost } = found.get(guest.disk) ?? assert.fail('not compared');
		guest.note(`lost ${JSON.stringify(lost)}`);
		// one missing request may be as large as the largest that there is
		for (const [what, { kernel, ours }] of counts)
			agreeExactly(what, ours, kernel, what.endsWith('bytes') ? named * 1_310_720 : named);
		for (const what of ['reads', 'writes', 'discards'])
			assert.ok((counts.get(what)?.kernel ?? 0) > 0, `the load made no ${what}`);
	},
} satisfies Check;
