import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { events } from '../../../src/tracers/events/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { bond } from '../support/bond.ts';

const state = () => readFileSync('/proc/net/bonding/bond0', 'utf8');

export default {
	shows: 'A port of a bond (LACP) that goes down and comes back is reported, as /proc/net/bonding has it.',
	on: isPlain,
	modules: ['bonding max_bonds=0', 'veth'],
	limit: 240,
	async run(guest) {
		await guest.shell(`ip netns add peer
			for i in 1 2; do ip link add v$i type veth peer name p$i netns peer; done`);
		guest.atEnd(() => guest.shell('ip netns del peer; ip link del bond0'));
		await guest.shell(bond(['v1', 'v2'], '10.9.0.1/24'));
		await guest.run('ip', 'netns', 'exec', 'peer', 'sh', '-ec', bond(['p1', 'p2'], '10.9.0.2/24'));
		const until = async (holds: () => boolean) => {
			for (let tries = 0; tries < 60 && !holds(); tries++) await guest.seconds(0.5);
			assert.ok(holds(), state());
		};
		await until(() => /Number of ports: 2/.test(state()));
		const session = guest.measure(events);
		session.read();
		await guest.seconds(1);
		session.read();
		const seen: string[] = [];
		const read = () => {
			for (const { kind, reason, device } of session.read().extra.events)
				if (kind === 'bond' || kind === 'link') seen.push(`${kind} ${reason} ${device}`);
		};
		await guest.shell('ip -n peer link set p2 down');
		await until(() => /Slave Interface: v2[\s\S]*?MII Status: down/.test(state()));
		await guest.seconds(1);
		read();
		const down = [...seen];
		await guest.shell('ip -n peer link set p2 up');
		await until(() => /Slave Interface: v2[\s\S]*?MII Status: up/.test(state()) && /Number of ports: 2/.test(state()));
		await guest.seconds(1);
		read();
		guest.note(seen.join(', '));
		assert.ok(down.includes('link DOWN v2'), down.join(', '));
		assert.ok(down.includes('bond DOWN v2 of bond0'), down.join(', '));
		assert.ok(seen.includes('link UP v2'), seen.join(', '));
		assert.ok(seen.includes('bond UP v2 of bond0'), seen.join(', '));
	},
} satisfies Check;
