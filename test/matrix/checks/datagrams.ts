import assert from 'node:assert/strict';
import { receive } from '../../../src/tracers/receive/tracer.ts';
import type { Check } from '../check.ts';
import { agreeExactly, losses } from '../support/agree.ts';
import { sendDatagrams } from '../support/network.ts';

const DATAGRAMS = 500;

export default {
	shows: 'Each datagram through the loopback device is counted once, with its bytes; losses are reported.',
	on: () => true,
	short: true,
	async run(guest) {
		const session = guest.measure(receive, {}, 'protocol');
		session.read();
		await sendDatagrams(DATAGRAMS, 100);
		const { rows, lost } = session.read();
		const udp = rows.find(({ device, protocol }) => device === 'lo' && protocol === 'udp') ?? assert.fail('no row');
		const named = Object.values(losses(lost)).reduce((sum, count) => sum + count, 0) + session.skipped();
		guest.note(`lost ${JSON.stringify(losses(lost))}, skipped ${session.skipped()}`);
		agreeExactly('received', udp.received_total, DATAGRAMS, named);
		agreeExactly('copied', udp.count_total, DATAGRAMS, named);
		agreeExactly('bytes', udp.bytes_total, DATAGRAMS * 100, named * 100);
	},
} satisfies Check;
