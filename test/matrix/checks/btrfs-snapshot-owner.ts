import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { chargedTo, ddNamed } from '../support/owners.ts';

export default {
	shows: 'What is written back of a file and of its snapshot (btrfs) is charged to the process that wrote each.',
	on: isPlain,
	modules: ['btrfs'],
	limit: 240,
	async run(guest) {
		const mount = `${guest.folder}/btrfs`;
		await guest.shell(
			`mkfs.btrfs -q -f ${guest.disk}; mkdir ${mount}; mount ${guest.disk} ${mount}
			btrfs -q subvolume create ${mount}/a; head -c 8M /dev/urandom >${mount}/a/f; sync
			btrfs -q subvolume snapshot ${mount}/a ${mount}/b; sync`,
		);
		guest.atEnd(() => guest.run('umount', mount));
		const [first, second] = [await ddNamed(guest, 'firstwriter'), await ddNamed(guest, 'secondwriter')];
		const { written } = await chargedTo(guest, async () => {
			await guest.run(first, 'if=/dev/zero', `of=${mount}/a/f`, 'bs=128k', 'count=8', 'conv=notrunc');
			await guest.run(second, 'if=/dev/zero', `of=${mount}/b/f`, 'bs=128k', 'count=40', 'conv=notrunc');
			await guest.run('sync');
		});
		const [ofFirst = 0, ofSecond = 0] = [written.get('firstwriter'), written.get('secondwriter')];
		const text = `1 MiB and 5 MiB were written, ${ofFirst} and ${ofSecond} bytes are charged`;
		assert.ok(ofFirst >= 1 << 20 && ofFirst < 2 << 20, text);
		assert.ok(ofSecond >= 5 << 20 && ofSecond < 6 << 20, text);
	},
} satisfies Check;
