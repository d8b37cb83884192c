import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly } from '../support/agree.ts';
import { compareRequests } from '../support/disk.ts';

export default {
	shows: 'A device without requests (zram) counts its bios as /proc/diskstats does.',
	on: isPlain,
	modules: ['zram'],
	async run(guest) {
		writeFileSync('/sys/block/zram0/disksize', '64M');
		guest.atEnd(() => writeFileSync('/sys/block/zram0/reset', '1'));
		const found = await compareRequests(guest, ['/dev/zram0'], async () => {
			await guest.run('dd', 'if=/dev/urandom', 'of=/dev/zram0', 'bs=64k', 'count=16', 'oflag=direct');
			await guest.run('dd', 'if=/dev/zram0', 'of=/dev/null', 'bs=64k', 'count=16', 'iflag=direct');
		});
		const { counts, named } = found.get('/dev/zram0') ?? assert.fail('not compared');
		for (const what of ['reads', 'writes', 'reads bytes', 'writes bytes']) {
			const { kernel, ours } = counts.get(what) ?? assert.fail(what);
			assert.ok(kernel > 0, `the load made no ${what}`);
			agreeExactly(what, ours, kernel, what.endsWith('bytes') ? named * 65536 : named);
		}
	},
} satisfies Check;
