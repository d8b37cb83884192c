import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { coldFile, filterFinds } from '../support/filtered.ts';

export default {
	shows: '--file and --directory find the reads of a file on btrfs, or are refused with the reason.',
	on: isPlain,
	modules: ['btrfs'],
	limit: 240,
	async run(guest) {
		const mount = `${guest.folder}/btrfs`;
		await guest.shell(`mkfs.btrfs -q -f ${guest.disk}; mkdir ${mount}; mount ${guest.disk} ${mount}`);
		guest.atEnd(() => guest.run('umount', mount));
		await guest.run('btrfs', '-q', 'subvolume', 'create', `${mount}/a`);
		const file = `${mount}/a/f`;
		await coldFile(guest, file);
		await filterFinds(guest, { file }, file);
		await coldFile(guest, file);
		await filterFinds(guest, { directory: `${mount}/a` }, file);
	},
} satisfies Check;
