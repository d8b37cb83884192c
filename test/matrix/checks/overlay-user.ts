import assert from 'node:assert/strict';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

export default {
	shows: 'A process that reads a file on overlayfs keeps its user while it is inside the read.',
	on: isPlain,
	modules: ['ext4', 'overlay'],
	async run(guest) {
		const below = `${guest.folder}/below`;
		await guest.shell(
			`mkfs.ext4 -q -F ${guest.disk} 64M; mkdir ${below}; mount ${guest.disk} ${below}
			cd ${below}; mkdir lower upper work merged; chmod 755 ${guest.folder} .
			head -c 16M /dev/zero >lower/f; chmod 644 lower/f
			mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged`,
		);
		guest.atEnd(() => guest.run('umount', `${below}/merged`, below));
		const read = `while :; do dd if=${below}/merged/f of=/dev/null bs=1M iflag=direct 2>/dev/null; done`;
		const reader = guest.start('setpriv', '--reuid', 65534, '--regid', 65534, '--clear-groups', 'sh', '-c', read);
		const session = guest.measure(energy, {}, 'process');
		const users = new Set<string>();
		for (let reads = 0; reads < 30; reads++) {
			await guest.seconds(0.2);
			for (const { comm, user } of session.read().rows) if (comm === 'dd') users.add(user);
		}
		reader.kill();
		assert.deepEqual([...users], ['nobody']);
	},
} satisfies Check;
