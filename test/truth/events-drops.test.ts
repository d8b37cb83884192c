/** Packet drops of each cause against the counter that the kernel, nft or tc keeps beside them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import type { Host } from '../../src/core/tracer.ts';
import { groupPath } from '../../src/system/v1-groups.ts';
import type { EventRow, EventsExtra } from '../../src/tracers/events/snapshot.ts';
import { events } from '../../src/tracers/events/tracer.ts';
import { realHost } from './host.ts';
import { namespacePair, type Pair } from './network-namespaces.ts';
import { sessionsOf } from './tracer-session.ts';

const { start, read } = sessionsOf<EventRow, EventsExtra>(events);

let pair: Pair | undefined;
afterEach(() => {
	pair?.close();
	pair = undefined;
});

function two(): Pair {
	pair = namespacePair();
	return pair;
}

/** Events of one kind and reason in the devices of the two namespaces; other traffic of the machine is none of them. */
function countOf(rows: readonly EventRow[], kind: string, reason: string, netns: readonly number[]): number {
	return rows
		.filter((row) => row.kind === kind && row.reason === reason && netns.includes(row.netns))
		.reduce((sum, row) => sum + row.count_total, 0);
}

const inode = (pair: Pair, end: 'a' | 'b'): number =>
	Number(/\[(\d+)\]/.exec(pair.run(end, 'readlink', '/proc/self/ns/net'))?.[1]);

const python = (...lines: string[]): string[] => ['python3', '-c', ['import socket, time', ...lines].join('\n')];

/** A process in `b` that takes one TCP connection, and reads all that comes; it listens when this returns. */
function receiveAt(pair: Pair, port: number): void {
	const [, , script] = python(
		'server = socket.socket()',
		'server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)',
		`server.bind(("10.99.0.2", ${port})); server.listen(1)`,
		'print("ready", flush=True)',
		'peer = server.accept()[0]',
		'while peer.recv(65536): pass',
	);
	// the shell ends with the first line, and the process stays
	pair.run('b', 'sh', '-c', `{ python3 -c '${script}' 2>/dev/null & } | { read ready; }`);
}

/** One value of nstat's names in a namespace. */
function nstat(pair: Pair, end: 'a' | 'b', name: string): number {
	return Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(pair.run(end, 'nstat', '-asz', name))?.[1] ?? Number.NaN);
}

const datagrams = (count: number, port: number, size = 100): string[] =>
	python(
		'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
		`for i in range(${count}):`,
		'    try:',
		`        sender.sendto(b"x" * ${size}, ("10.99.0.2", ${port}))`,
		'    except OSError: pass',
	);

/** A round trip before what is measured: the neighbour is known then. */
const warmUp = (pair: Pair) =>
	pair.run('a', ...python('client = socket.socket()', 'client.settimeout(3)', 'client.connect_ex(("10.99.0.2", 9))'));

test('an nft rule: as many NETFILTER_DROP as its counter has', () => {
	const net = two();
	warmUp(net);
	net.run('b', 'nft', 'add', 'table', 'ip', 't');
	net.run('b', 'nft', 'add', 'chain', 'ip', 't', 'c', '{ type filter hook input priority 0 ; }');
	net.run('b', 'nft', 'add', 'rule', 'ip', 't', 'c', 'udp', 'dport', '5000', 'counter', 'drop');
	start();
	net.run('a', ...datagrams(300, 5000));
	const { rows, extra } = read();
	const truth = Number(/counter packets (\d+)/.exec(net.run('b', 'nft', 'list', 'ruleset'))?.[1]);
	expect(truth).toBe(300);
	expect(countOf(rows, 'drop', 'NETFILTER_DROP', [inode(net, 'b')])).toBe(truth);
	const record = extra.events.find(({ reason }) => reason === 'NETFILTER_DROP');
	expect(record).toMatchObject({
		cause: 'policy',
		protocol: 'udp',
		source: { address: '10.99.0.1' },
		destination: { address: '10.99.0.2', port: 5000 },
		device: 'vb',
	});
	expect(record?.stack.length).toBeGreaterThan(3);
	expect(record?.stack_shared).toBeUndefined();
	// ten within a second, of which the first on each CPU was unwound
	const others = extra.events.filter(({ reason }) => reason === 'NETFILTER_DROP').slice(1);
	expect(others.length).toBeGreaterThan(5);
	expect(others.filter((one) => one.stack_shared).length).toBeGreaterThan(others.length / 2);
	for (const { stack } of others) expect(stack).toContain(record?.stack[0]);
	// no process sent or got it: its namespace is that of the holder, whose group is ours
	const group = groupPath(readFileSync('/proc/self/cgroup', 'latin1'));
	expect(record?.cgroup).toBe(group);
	expect(rows.find(({ reason, who }) => reason === 'NETFILTER_DROP' && who === 'vb')?.cgroup).toBe(group);
});

test('a closed port, a full buffer: nstat has the same, in its namespace', () => {
	const net = two();
	warmUp(net);
	start();
	const ports = nstat(net, 'b', 'UdpNoPorts');
	net.run('a', ...datagrams(200, 5001));
	const rcvbuf = nstat(net, 'b', 'UdpRcvbufErrors');
	net.run(
		'b',
		...python(
			'receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
			'receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)',
			'receiver.bind(("10.99.0.2", 5002))',
			'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
			'for i in range(150): sender.sendto(b"x" * 1000, ("10.99.0.2", 5002))',
		),
	);
	const { rows } = read();
	const b = [inode(net, 'b')];
	expect(nstat(net, 'b', 'UdpNoPorts') - ports).toBe(200);
	expect(countOf(rows, 'drop', 'NO_SOCKET', b)).toBe(200);
	const full = nstat(net, 'b', 'UdpRcvbufErrors') - rcvbuf;
	expect(full).toBeGreaterThan(100);
	expect(countOf(rows, 'drop', 'SOCKET_RCVBUFF', b)).toBe(full);
});

test('packets of neighbours to groups without a member here are part of normal operation', async () => {
	start({ 'events-all': true });
	const net = two();
	// neighbour discovery and MLD of both ends begin with their addresses
	await new Promise((resolve) => setTimeout(resolve, 2500));
	const { rows, extra } = read();
	const both = [inode(net, 'a'), inode(net, 'b')];
	const groups = rows.filter((row) => row.reason === 'IP_INNOROUTES_MULTICAST' && both.includes(row.netns));
	if (existsSync('/proc/net/if_inet6')) expect(groups.length).toBeGreaterThan(0);
	expect(groups.every(({ severity }) => severity === 'normal')).toBe(true);
	const routed = extra.events.filter(({ reason, netns }) => reason === 'IP_INNOROUTES' && both.includes(netns));
	expect(routed.filter(({ destination }) => destination?.address.startsWith('ff'))).toEqual([]);
});

test('tbf with a small limit: as many drops of the queueing discipline as tc counts', () => {
	const net = two();
	warmUp(net);
	net.run('a', 'tc', 'qdisc', 'add', 'dev', 'va', 'root', 'tbf', 'rate', '100kbit', 'burst', '2k', 'limit', '3k');
	start();
	net.run('a', ...datagrams(100, 5004, 1000));
	const { rows } = read();
	const text = net.run('a', 'tc', '-s', 'qdisc', 'show', 'dev', 'va');
	const truth = Number(/dropped (\d+),/.exec(text)?.[1]);
	expect(truth).toBeGreaterThan(50);
	const a = [inode(net, 'a')];
	const ours = ['QDISC_DROP', 'QDISC_OVERLIMIT'].reduce((sum, reason) => sum + countOf(rows, 'drop', reason, a), 0);
	expect(ours).toBe(truth);
});

/** This machine as a kernel before 6.2: the program for it reads headers by a helper. */
function withoutCasts(): Host {
	const host = realHost();
	const hasType: Host['addon']['hasType'] = (kind, name) =>
		name !== 'bpf_rdonly_cast' && host.addon.hasType(kind, name);
	return { ...host, addon: Object.create(host.addon, { hasType: { value: hasType } }) };
}

test.each([
	['', realHost],
	[', before Linux 6.2', withoutCasts],
])('a wrong checksum: as many UDP_CSUM as UdpInCsumErrors%s', (_name, host) => {
	const net = two();
	warmUp(net);
	start({}, host());
	const csum = nstat(net, 'b', 'UdpInCsumErrors');
	net.run(
		'a',
		...python(
			'import struct',
			'raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)',
			'for i in range(40): raw.sendto(struct.pack("!HHHH", 4000, 5005, 12, 0x1234) + b"data", ("10.99.0.2", 0))',
		),
	);
	// a listener, so that the checksum is looked at
	const wrong = nstat(net, 'b', 'UdpInCsumErrors') - csum;
	const { rows } = read();
	const udp = rows.filter(({ protocol }) => protocol === 'udp');
	expect(countOf(udp, 'drop', 'UDP_CSUM', [inode(net, 'b')])).toBe(wrong);
	expect(wrong).toBe(40);
});

test('segments that a rule drops come again: as many as TcpRetransSegs', () => {
	const net = two();
	warmUp(net);
	// every twentieth segment
	net.run(
		'b',
		...['iptables-legacy', '-A', 'INPUT', '-p', 'tcp', '--dport', '5006', '-m', 'statistic'],
		...['--mode', 'nth', '--every', '20', '--packet', '10', '-j', 'DROP'],
	);
	start();
	// a packet of several segments would be one event
	net.run('a', 'ip', 'link', 'set', 'dev', 'va', 'gso_max_segs', '1');
	const before = nstat(net, 'a', 'TcpRetransSegs');
	receiveAt(net, 5006);
	net.run(
		'a',
		...python(
			'client = socket.create_connection(("10.99.0.2", 5006), 5)',
			'client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)',
			'for i in range(150):',
			'    client.send(b"x" * 1000); time.sleep(0.002)',
			'client.shutdown(socket.SHUT_WR)',
			'time.sleep(1)',
		),
	);
	const { rows, extra } = read();
	const truth = nstat(net, 'a', 'TcpRetransSegs') - before;
	const ours = rows
		.filter((row) => row.kind === 'retransmit' && row.netns === inode(net, 'a'))
		.reduce((sum, row) => sum + row.count_total, 0);
	expect(truth).toBeGreaterThan(0);
	expect(ours).toBe(truth);
	// the rule is in the other namespace: the segment is known there by its number
	const lost = extra.events
		.filter(({ kind, netns }) => kind === 'retransmit' && netns === inode(net, 'a'))
		.map(({ lost_at }) => lost_at?.verdict);
	expect(lost.length).toBeGreaterThan(0);
	expect(lost).not.toContain(undefined);
	expect(lost).toContain('here');
});

test('the last segment of a burst that is lost comes again by a tail loss probe, as the kernel counts', () => {
	const net = two();
	warmUp(net);
	// SYN, ACK and two segments pass
	net.run(
		'b',
		...['iptables-legacy', '-A', 'INPUT', '-p', 'tcp', '--dport', '5016', '-m', 'statistic'],
		...['--mode', 'nth', '--every', '100', '--packet', '4', '-j', 'DROP'],
	);
	start();
	const before = nstat(net, 'a', 'TcpExtTCPLossProbes');
	receiveAt(net, 5016);
	net.run(
		'a',
		...python(
			'client = socket.create_connection(("10.99.0.2", 5016), 5)',
			'client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)',
			'time.sleep(0.1)',
			'for i in range(3): client.send(b"x" * 100)',
			'time.sleep(0.6)',
		),
	);
	const { rows, extra } = read();
	const probes = nstat(net, 'a', 'TcpExtTCPLossProbes') - before;
	const a = inode(net, 'a');
	expect(probes).toBeGreaterThan(0);
	expect(countOf(rows, 'retransmit', 'TLP', [a])).toBe(probes);
	const [probe] = extra.events.filter(({ reason, netns }) => reason === 'TLP' && netns === a);
	expect(probe?.lost_at).toMatchObject({ verdict: 'here', reason: 'NETFILTER_DROP' });
});

const BACKLOG = '/proc/sys/net/core/netdev_max_backlog';

/** Packets that found the queue of a CPU full, all CPUs. */
const softnetDrops = () =>
	readFileSync('/proc/net/softnet_stat', 'latin1')
		.trim()
		.split('\n')
		.reduce((sum, line) => sum + Number.parseInt(line.split(' ')[1] ?? '', 16), 0);

test('a queue of one packet that another CPU empties: as many CPU_BACKLOG as softnet_stat has', ({ skip }) => {
	skip(!existsSync(BACKLOG), 'its limit can be set in the first network namespace only');
	skip(cpus().length < 2, 'one CPU');
	const net = two();
	warmUp(net);
	// received packets go to the second CPU; its file is in a sysfs of that namespace
	net.run(
		'b',
		// in a chroot the root is no mount whose propagation could be changed
		...['unshare', '-m', '--propagation', 'unchanged', 'sh', '-ec'],
		'mount --make-rprivate /sys; mount -t sysfs sysfs /sys; echo 2 > /sys/class/net/vb/queues/rx-0/rps_cpus',
	);
	start();
	const limit = readFileSync(BACKLOG, 'latin1');
	const before = softnetDrops();
	try {
		writeFileSync(BACKLOG, '1');
		net.run('a', 'taskset', '-c', '0', ...datagrams(20_000, 5012, 10));
	} finally {
		writeFileSync(BACKLOG, limit);
	}
	const truth = softnetDrops() - before;
	const { rows } = read();
	// the limit is that of the machine: packets of others count in both
	const ours = rows.filter((row) => row.kind === 'drop' && row.reason === 'CPU_BACKLOG');
	expect(truth).toBeGreaterThan(0);
	expect(ours.reduce((sum, row) => sum + row.count_total, 0)).toBe(truth);
	expect(countOf(rows, 'drop', 'CPU_BACKLOG', [inode(net, 'b')])).toBeGreaterThan(0);
});

test('a router without a route to the destination: as many drops as its counters of such packets have', () => {
	const net = two();
	warmUp(net);
	net.run('b', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
	net.run('a', 'ip', 'route', 'add', '10.98.0.0/24', 'via', '10.99.0.2');
	start();
	const before = nstat(net, 'b', 'IpInAddrErrors') + nstat(net, 'b', 'IpExtInNoRoutes');
	net.run(
		'a',
		...python(
			'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
			'for i in range(60):',
			'    try: sender.sendto(b"x", ("10.98.0.7", 9))',
			'    except OSError: pass',
		),
	);
	const truth = nstat(net, 'b', 'IpInAddrErrors') + nstat(net, 'b', 'IpExtInNoRoutes') - before;
	const { rows } = read();
	const b = [inode(net, 'b')];
	const reasons = ['IP_INNOROUTES', 'IP_INADDRERRORS', 'IP_OUTNOROUTES'];
	expect(truth).toBe(60);
	expect(reasons.reduce((sum, reason) => sum + countOf(rows, 'drop', reason, b), 0)).toBe(truth);
});

test('50,000 datagrams to a closed port: each is one drop, records are few', async () => {
	const net = two();
	warmUp(net);
	start();
	const sent = 50_000;
	const before = nstat(net, 'b', 'UdpNoPorts');
	net.run(
		'b',
		...python(
			'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
			`for i in range(${sent}):`,
			'    try: sender.sendto(b"x", ("10.99.0.2", 5009))',
			'    except OSError: pass',
		),
	);
	const b = [inode(net, 'b')];
	const datagramsOf = (rows: readonly EventRow[], reason: string) =>
		countOf(
			rows.filter(({ protocol }) => protocol === 'udp'),
			'drop',
			reason,
			b,
		);
	let records = 0;
	let rows: readonly EventRow[] = [];
	// on a busy machine the last ones are still in the queue of a CPU
	await expect
		.poll(
			() => {
				const reading = read();
				({ rows } = reading);
				records += reading.extra.events.length;
				return datagramsOf(rows, 'NO_SOCKET') + datagramsOf(rows, 'CPU_BACKLOG');
			},
			{ interval: 100, timeout: 5000 },
		)
		// where softirqs come late, or another test shortens that queue, many find it full: they never reach UDP
		.toBe(sent);
	expect(datagramsOf(rows, 'NO_SOCKET')).toBe(nstat(net, 'b', 'UdpNoPorts') - before);
	expect(records).toBeLessThan(500);
});

test('a socket that is older than the tracer: its process is the owner', () => {
	const net = two();
	warmUp(net);
	const script = [
		'import socket, time',
		'receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
		'receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)',
		'receiver.bind(("10.99.0.2", 5013)); time.sleep(10)',
	].join('; ');
	const pid = Number(net.run('b', 'sh', '-c', `python3 -c '${script}' >/dev/null 2>&1 & echo $!; sleep 0.5`));
	expect(pid).toBeGreaterThan(0);
	start();
	net.run('a', ...datagrams(60, 5013, 1000));
	const { rows, extra } = read();
	const full = rows.filter(({ reason, netns }) => reason === 'SOCKET_RCVBUFF' && netns === inode(net, 'b'));
	expect(full.map((row) => row.pid)).toEqual([pid]);
	expect(full[0]?.comm).toBe('python3');
	expect(extra.events.find(({ reason }) => reason === 'SOCKET_RCVBUFF')).toMatchObject({ pid, comm: 'python3' });
	process.kill(pid, 'SIGKILL');
});

test('datagrams and segments that wait for their reader: the wait that we make, over the threshold only', () => {
	const net = two();
	warmUp(net);
	start({ 'events-receive': '5,10,115' });
	net.run(
		'b',
		...python(
			'receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(("10.99.0.2", 5010))',
			'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
			'server = socket.socket(); server.bind(("10.99.0.2", 5011)); server.listen(1)',
			'client = socket.create_connection(("10.99.0.2", 5011)); peer = server.accept()[0]',
			'for wait in (0.0, 0.0, 0.3, 0.3):',
			'    sender.sendto(b"x" * 20000, ("10.99.0.2", 5010)); client.send(b"y" * 64)',
			'    time.sleep(wait)',
			'    receiver.recv(20000); peer.recv(100)',
		),
	);
	const { extra } = read();
	const b = inode(net, 'b');
	const late = extra.events.filter(
		({ kind, reason, netns }) => kind === 'receive-latency' && reason === 'COPY' && netns === b,
	);
	expect(late.map(({ protocol }) => protocol).sort()).toEqual(['tcp', 'tcp', 'udp', 'udp']);
	for (const { figures } of late) {
		expect(figures['latency_ns']).toBeGreaterThanOrEqual(0.3e9);
		expect(figures['latency_ns']).toBeLessThan(5e9);
	}
});
