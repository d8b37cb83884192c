import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { coldFile, filterFinds } from '../support/filtered.ts';

export default {
	shows: '--file and --directory of a file on overlayfs are refused with the reason, or find its reads.',
	on: isPlain,
	modules: ['ext4', 'overlay'],
	async run(guest) {
		const below = `${guest.folder}/below`;
		const mount = `${below}/merged`;
		await guest.shell(
			`mkfs.ext4 -q -F ${guest.disk} 64M; mkdir ${below}; mount ${guest.disk} ${below}
			cd ${below}; mkdir lower upper work merged
			mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged`,
		);
		guest.atEnd(() => guest.run('umount', mount, below));
		await coldFile(guest, `${below}/lower/f`);
		await filterFinds(guest, { file: `${mount}/f` }, `${mount}/f`, /is on overlayfs/);
		await guest.shell('echo 3 >/proc/sys/vm/drop_caches');
		await filterFinds(guest, { directory: mount }, `${mount}/f`, /is on overlayfs/);
	},
} satisfies Check;
