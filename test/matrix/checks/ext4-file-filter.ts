import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { coldFile, filterFinds } from '../support/filtered.ts';

export default {
	shows: '--file and --directory find the reads of a file on ext4.',
	on: isPlain,
	modules: ['ext4'],
	expected: {
		outcome: 'fails',
		reason:
			'struct dentry has d_alias in an anonymous union from 7.x on, not in d_u: no name is found for an inode, --directory matches nothing.',
		on: ({ kernel }) => kernel === '7.2',
	},
	async run(guest) {
		const mount = `${guest.folder}/ext4`;
		await guest.shell(
			`mkfs.ext4 -q -F ${guest.disk} 64M; mkdir ${mount}; mount ${guest.disk} ${mount}; mkdir ${mount}/d`,
		);
		guest.atEnd(() => guest.run('umount', mount));
		const file = `${mount}/d/f`;
		await coldFile(guest, file);
		await filterFinds(guest, { file }, file);
		await coldFile(guest, file);
		await filterFinds(guest, { directory: mount }, file);
	},
} satisfies Check;
