import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { coldFile, filterFinds } from '../support/filtered.ts';

export default {
	shows: '--file and --directory find the reads of a file on btrfs; only 5.10, without types of modules, refuses them.',
	on: isPlain,
	modules: ['btrfs'],
	limit: 240,
	async run(guest) {
		// no types of modules
		const refused = guest.machine.kernel === '5.10' ? /cannot be told apart on this kernel/ : undefined;
		const mount = `${guest.folder}/btrfs`;
		await guest.shell(`mkfs.btrfs -q -f ${guest.disk}; mkdir ${mount}; mount ${guest.disk} ${mount}`);
		guest.atEnd(() => guest.run('umount', mount));
		await guest.run('btrfs', '-q', 'subvolume', 'create', `${mount}/a`);
		const file = `${mount}/a/f`;
		await coldFile(guest, file);
		await filterFinds(guest, { file }, file, refused);
		await coldFile(guest, file);
		await filterFinds(guest, { directory: `${mount}/a` }, file, refused);
	},
} satisfies Check;
