import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { agreeExactly } from '../support/agree.ts';
import { compareRequests } from '../support/disk.ts';

const WRITES = 100;

export default {
	shows: 'Under --device, writes that end with a flush (O_DSYNC) are counted as /proc/diskstats counts them.',
	on: ({ arch, disk }) => arch === 'amd64' && disk !== 'nvme',
	async run(guest) {
		const name = guest.disk.replace('/dev/', '');
		const write = () =>
			guest.run(
				'dd',
				'if=/dev/zero',
				`of=${guest.disk}`,
				'bs=4k',
				`count=${WRITES}`,
				'oflag=direct,dsync',
				'conv=notrunc',
			);
		const found = await compareRequests(guest, [guest.disk], write, { device: name });
		const { counts, named } = found.get(guest.disk) ?? assert.fail('not compared');
		const { kernel, ours } = counts.get('writes') ?? assert.fail('no writes');
		assert.ok(kernel >= WRITES, `the load made ${kernel} writes`);
		agreeExactly('writes', ours, kernel, named);
	},
} satisfies Check;
