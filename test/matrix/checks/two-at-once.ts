import assert from 'node:assert/strict';
import { io } from '../../../src/tracers/io/tracer.ts';
import { receive } from '../../../src/tracers/receive/tracer.ts';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly, losses } from '../support/agree.ts';
import { numberOf } from '../support/disk.ts';
import { sendDatagrams } from '../support/network.ts';

const READS = 200;
const DATAGRAMS = 200;

export default {
	shows:
		'Two instances at once count the same requests and packets, each all of them; the first goes on when the second ends.',
	on: isPlain,
	async run(guest) {
		const instances = [1, 2].map(() => ({
			io: guest.measure(io, { slow: 1000 }, 'operation'),
			receive: guest.measure(receive, {}, 'protocol'),
			runqlat: guest.measure(runqlat, {}, 'process'),
		}));
		const dev = numberOf(guest.disk);
		const load = async (): Promise<void> => {
			await guest.run('dd', `if=${guest.disk}`, 'of=/dev/null', 'bs=4k', `count=${READS}`, 'iflag=direct');
			await sendDatagrams(DATAGRAMS, 100);
			await guest.seconds(0.5);
		};
		const compare = ({ io: disk, receive: packets, runqlat: waits }: (typeof instances)[number]): void => {
			const [requests, received] = [disk.read(), packets.read()];
			const named = Object.values(losses({ ...requests.lost, ...received.lost })).reduce(
				(sum, count) => sum + count,
				0,
			);
			const reads = requests.rows.find((row) => row.dev === dev && row.op === 'read');
			const udp = received.rows.find(({ device, protocol }) => device === 'lo' && protocol === 'udp');
			agreeExactly('reads', reads?.count ?? 0, READS, named + disk.skipped());
			agreeExactly('datagrams', udp?.count ?? 0, DATAGRAMS, named + packets.skipped());
			assert.ok((waits.read().rows[0]?.count ?? 0) > 0, 'no waits');
		};
		for (const { io: disk, receive: packets, runqlat: waits } of instances) {
			disk.read();
			packets.read();
			waits.read();
		}
		await load();
		for (const instance of instances) compare(instance);
		const [first, second] = instances;
		for (const session of Object.values(second ?? {})) session.close();
		await load();
		if (first) compare(first);
	},
} satisfies Check;
