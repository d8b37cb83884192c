import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { coldFile, filterFinds } from '../support/filtered.ts';

export default {
	shows: '--file and --directory find the reads of a file on ext4.',
	on: isPlain,
	modules: ['ext4'],
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
