import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { chargedTo, ddNamed } from '../support/owners.ts';

const BYTES = 1 << 20;

export default {
	shows: 'Writes to a device without requests (zram) are charged to the process that made them.',
	on: isPlain,
	modules: ['zram'],
	async run(guest) {
		writeFileSync('/sys/block/zram0/disksize', '64M');
		guest.atEnd(() => writeFileSync('/sys/block/zram0/reset', '1'));
		const writer = await ddNamed(guest, 'zramwriter');
		const { written } = await chargedTo(guest, () =>
			guest.run(writer, 'if=/dev/urandom', 'of=/dev/zram0', 'bs=64k', `count=${BYTES >> 16}`, 'oflag=direct'),
		);
		assert.equal(written.get('zramwriter'), BYTES);
	},
} satisfies Check;
