import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { chargedTo, ddNamed } from '../support/owners.ts';

const BYTES = 2 << 20;

export default {
	shows:
		'Direct reads and writes of an encrypted device (dm-crypt) are charged to the process that made them, and to its control group.',
	on: isPlain,
	modules: ['dm_crypt'],
	async run(guest) {
		await guest.shell(
			`echo secret | cryptsetup open --type plain --cipher aes-xts-plain64 --key-size 256 ${guest.disk} matrix`,
		);
		guest.atEnd(() => guest.run('cryptsetup', 'close', 'matrix'));
		// without udev the device node may be missing
		const device = '/dev/dm-0';
		const [writer, reader] = [await ddNamed(guest, 'cryptwriter'), await ddNamed(guest, 'cryptreader')];
		const group = '/sys/fs/cgroup/encrypted';
		await guest.shell(`mkdir ${group}`);
		guest.atEnd(() => guest.run('rmdir', group));
		const { read, written, groups } = await chargedTo(guest, async () => {
			const write = `${writer} if=/dev/zero of=${device} bs=64k count=${BYTES >> 16} oflag=direct`;
			await guest.shell(`echo $$ > ${group}/cgroup.procs; exec ${write}`);
			await guest.run(reader, `if=${device}`, 'of=/dev/null', 'bs=64k', `count=${BYTES >> 16}`, 'iflag=direct');
		});
		assert.equal(read.get('cryptreader'), BYTES, 'bytes read');
		assert.equal(written.get('cryptwriter'), BYTES, 'bytes written');
		assert.equal(groups.get('/encrypted'), BYTES, 'bytes of the control group');
	},
} satisfies Check;
