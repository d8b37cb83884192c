import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { receive } from '../../../src/tracers/receive/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly, losses } from '../support/agree.ts';
import { bond } from '../support/bond.ts';

const DATAGRAMS = 200;

/** Packets that a device has received. */
function receivedBy(device: string): number {
	const line = readFileSync('/proc/net/dev', 'utf8')
		.split('\n')
		.find((one) => one.trim().startsWith(`${device}:`));
	return Number(line?.split(':')[1]?.trim().split(/\s+/)[1] ?? Number.NaN);
}

export default {
	shows: 'Datagrams that come in by a bond (LACP) are counted once.',
	on: isPlain,
	modules: ['bonding max_bonds=0', 'veth'],
	async run(guest) {
		await guest.shell(`ip netns add peer
			for i in 1 2; do ip link add v$i type veth peer name p$i netns peer; done`);
		guest.atEnd(() => guest.shell('ip netns del peer; ip link del bond0'));
		await guest.shell(bond(['v1', 'v2'], '10.9.0.1/24'));
		await guest.run('ip', 'netns', 'exec', 'peer', 'sh', '-ec', bond(['p1', 'p2'], '10.9.0.2/24'));
		const script =
			`const s=require('dgram').createSocket('udp4');let n=0;` +
			`(function next(){n++<${DATAGRAMS}?s.send('x',9,'10.9.0.1',next):s.close()})()`;
		const send = () => guest.run('ip', 'netns', 'exec', 'peer', process.execPath, '-e', script);
		// until both sides agree on the aggregate
		const isUp = () => /Number of ports: 2/.test(readFileSync('/proc/net/bonding/bond0', 'utf8'));
		for (let tries = 0; tries < 60 && !isUp(); tries++) await guest.seconds(0.5);
		assert.ok(isUp(), readFileSync('/proc/net/bonding/bond0', 'utf8'));
		const session = guest.measure(receive, {}, 'protocol');
		session.read();
		const before = receivedBy('bond0');
		await send();
		await guest.seconds(0.5);
		const came = receivedBy('bond0') - before;
		const { rows, lost } = session.read();
		const udp = rows.filter(({ protocol, device }) => protocol === 'udp' && device !== 'lo' && device !== 'all');
		const counts = udp.map(({ device, received }) => `${device} ${received}`).join(', ');
		guest.note(`${counts}; bond0 ${came} packets of all kinds; lost ${JSON.stringify(losses(lost))}`);
		const ours = udp.reduce((sum, { received }) => sum + received, 0);
		assert.ok(came >= DATAGRAMS, `${came} packets came`);
		agreeExactly('datagrams', ours, DATAGRAMS, session.skipped());
	},
} satisfies Check;
