import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { receive } from '../../../src/tracers/receive/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly, losses } from '../support/agree.ts';
import { sendDatagrams } from '../support/network.ts';

const NAMESPACES = 400;
const DATAGRAMS = 50;

export default {
	shows: `${NAMESPACES} network namespaces of an unprivileged user do not keep later packets of others from being counted.`,
	on: isPlain,
	limit: 300,
	async run(guest) {
		const settings = { 'kernel/unprivileged_userns_clone': 1, 'user/max_net_namespaces': 2000 };
		for (const [name, value] of Object.entries(settings))
			if (existsSync(`/proc/sys/${name}`)) writeFileSync(`/proc/sys/${name}`, String(value));
		const session = guest.measure(receive, {}, 'protocol');
		const storm = guest.start(guest.helper('namespaces'), NAMESPACES);
		let sent = false;
		const waiting = storm.firstLine.then(() => {
			sent = true;
		});
		while (!sent) {
			await Promise.race([waiting, guest.seconds(1)]);
			session.read();
		}
		storm.kill('SIGKILL');
		await storm.ended;
		for (let reads = 0; reads < 5; reads++) {
			await guest.seconds(0.5);
			session.read();
		}
		await sendDatagrams(DATAGRAMS, 100);
		const { rows, lost } = session.read();
		guest.note(`lost ${JSON.stringify(losses(lost))}`);
		const udp = rows.find(({ device, protocol }) => device === 'lo' && protocol === 'udp');
		agreeExactly('datagrams behind the storm', udp?.received ?? 0, DATAGRAMS, session.skipped());
		assert.equal(lost['stats_full'], 0);
	},
} satisfies Check;
