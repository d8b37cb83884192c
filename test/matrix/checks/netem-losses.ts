import assert from 'node:assert/strict';
import { events } from '../../../src/tracers/events/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const DATAGRAMS = 400;

const UDP = `
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(${DATAGRAMS}): sender.sendto(b"x", ("10.9.1.2", 9))`;

const SERVER = `
import socket
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("10.9.1.2", 5001)); server.listen(1)
print("ready", flush=True)
peer = server.accept()[0]
while peer.recv(65536): pass`;

const CLIENT = `
import socket
client = socket.create_connection(("10.9.1.2", 5001), 60)
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for i in range(200): client.send(b"x" * 1000)
client.shutdown(socket.SHUT_WR)
client.settimeout(60)
client.recv(1)`;

export default {
	shows: 'Packets that netem loses are counted as drops, segments that come again as TcpRetransSegs has them.',
	on: isPlain,
	modules: ['veth', 'sch_netem'],
	limit: 240,
	async run(guest) {
		await guest.shell(`ip netns add here; ip netns add there
			ip link add va netns here type veth peer name vb netns there
			for end in "here va 10.9.1.1" "there vb 10.9.1.2"; do set -- $end
				ip -n $1 addr add $3/24 dev $2; ip -n $1 link set $2 up; ip -n $1 link set lo up
			done
			ip -n here link set dev va gso_max_segs 1
			ip netns exec here ping -c 1 -W 5 10.9.1.2 >/dev/null || true
			tc -n here qdisc add dev va root netem loss 20%`);
		guest.atEnd(() => guest.shell('ip netns del here; ip netns del there'));
		const here = (...command: string[]) => guest.run('ip', 'netns', 'exec', 'here', ...command);
		const netns = Number(/\[(\d+)\]/.exec(await here('readlink', '/proc/self/ns/net'))?.[1]);
		const dropped = async () => Number(/dropped (\d+)/.exec(await guest.shell('tc -n here -s qdisc show dev va'))?.[1]);
		const retransmitted = async () =>
			Number(/^TcpRetransSegs\s+(\d+)/m.exec(await here('nstat', '-asz', 'TcpRetransSegs'))?.[1]);
		const session = guest.measure(events, { 'events-all': true });
		session.read();

		const before = await dropped();
		await here('python3', '-c', UDP);
		const lost = (await dropped()) - before;
		const first = session.read();
		const drops = first.rows.filter((row) => row.kind === 'drop' && row.netns === netns);
		const ours = drops.reduce((sum, { count }) => sum + count, 0);
		guest.note(
			`${lost} of ${DATAGRAMS} datagrams lost: ${drops.map(({ reason, count }) => `${reason} ${count}`).join(', ')}`,
		);
		assert.ok(lost > DATAGRAMS / 20, `netem lost ${lost}`);
		// older kernels give no reason, by which drops of other packets of the namespace could be distinguished
		const named = drops.filter(({ reason }) => reason === 'QDISC_DROP').reduce((sum, { count }) => sum + count, 0);
		if (named > 0) assert.equal(named, lost);
		else assert.ok(ours >= lost && ours <= lost + 20, `${ours} drops, tc counts ${lost}`);

		const segments = await retransmitted();
		const server = guest.start('ip', 'netns', 'exec', 'there', 'python3', '-c', SERVER);
		await server.firstLine;
		await here('python3', '-c', CLIENT);
		const truth = (await retransmitted()) - segments;
		const { rows, extra } = session.read();
		const again = rows
			.filter((row) => row.kind === 'retransmit' && row.netns === netns)
			.reduce((sum, { count }) => sum + count, 0);
		const verdicts = extra.events
			.filter((one) => one.kind === 'retransmit' && one.netns === netns)
			.map(({ lost_at }) => lost_at?.verdict ?? 'none');
		guest.note(`${again} segments again, TcpRetransSegs ${truth}; ${[...new Set(verdicts)].join(', ')}`);
		assert.ok(truth > 0, 'no segment was lost');
		assert.equal(again, truth);
		assert.ok(verdicts.includes('here'), `lost here, and reported as ${verdicts.join(' ')}`);
	},
} satisfies Check;
