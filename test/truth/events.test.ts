/** Events against counters that the kernel keeps beside them. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parseNetstat } from '../../src/tracers/events/links.ts';
import type { EventRow, EventsExtra } from '../../src/tracers/events/snapshot.ts';
import { events } from '../../src/tracers/events/tracer.ts';
import { sessionsOf } from './tracer-session.ts';

const { start, read } = sessionsOf<EventRow, EventsExtra>(events, ({ lost }) => {
	expect(lost).toMatchObject({ pairs_full: 0 });
});

async function python(...lines: string[]): Promise<string> {
	const { stdout } = await promisify(execFile)('python3', ['-c', ['import socket', ...lines].join('\n')], {
		timeout: 15_000,
	});
	return stdout;
}

/** One value of /proc/net/snmp. */
function snmp(protocol: string, name: string): number {
	const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
		.split('\n')
		.filter((line) => line.startsWith(`${protocol}:`))
		.map((line) => line.split(' '));
	return Number(values?.[names?.indexOf(name) ?? -1]);
}

const countOf = ({ reasons }: EventsExtra, kind: string, reason: string): number =>
	reasons.find((one) => one.kind === kind && one.reason === reason)?.count_total ?? 0;

test('datagrams to a closed port: as many NO_SOCKET as UdpNoPorts, few of them with a record', async () => {
	start();
	const before = snmp('Udp', 'NoPorts');
	await python(
		'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
		'for i in range(400): sender.sendto(b"x" * 100, ("127.0.0.1", 9))',
	);
	const after = snmp('Udp', 'NoPorts');
	const { extra, rows } = read();
	const udp = rows.filter(
		({ kind, reason, protocol }) => kind === 'drop' && reason === 'NO_SOCKET' && protocol === 'udp',
	);
	const count = udp.reduce((sum, row) => sum + row.count_total, 0);
	expect(after - before).toBeGreaterThanOrEqual(400);
	expect(count).toBe(after - before);
	const recorded = udp.reduce((sum, row) => sum + row.recorded_total, 0);
	expect(recorded).toBeGreaterThan(0);
	expect(recorded + udp.reduce((sum, row) => sum + row.suppressed_total, 0)).toBe(count);
	const records = extra.events.filter(({ kind, reason }) => kind === 'drop' && reason === 'NO_SOCKET');
	expect(records.some(({ destination }) => destination?.address === '127.0.0.1' && destination.port === 9)).toBe(true);
});

test('a full receive buffer: as many SOCKET_RCVBUFF as UdpRcvbufErrors', async () => {
	start();
	const before = snmp('Udp', 'RcvbufErrors');
	await python(
		'receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
		'receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)',
		'receiver.bind(("127.0.0.1", 0))',
		'sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
		'for i in range(200): sender.sendto(b"x" * 1000, receiver.getsockname())',
	);
	const after = snmp('Udp', 'RcvbufErrors');
	const { extra } = read();
	expect(after - before).toBeGreaterThan(100);
	expect(countOf(extra, 'drop', 'SOCKET_RCVBUFF')).toBe(after - before);
});

test('a refused connection: a reset sent, and one received by the process that connects', async () => {
	start();
	const before = snmp('Tcp', 'OutRsts');
	const pid = Number(
		await python(
			'import os',
			'for i in range(3):',
			'    try: socket.create_connection(("127.0.0.1", 9), 2)',
			'    except ConnectionRefusedError: pass',
			'print(os.getpid())',
		),
	);
	const after = snmp('Tcp', 'OutRsts');
	const { rows, extra } = read();
	expect(after - before).toBeGreaterThanOrEqual(3);
	expect(countOf(extra, 'reset-sent', 'NO_SOCKET')).toBeLessThanOrEqual(after - before);
	expect(countOf(extra, 'reset-sent', 'NO_SOCKET')).toBeGreaterThanOrEqual(3);
	const received = rows.filter((row) => row.kind === 'reset-received' && row.pid === pid);
	expect(received.map(({ count_total }) => count_total)).toEqual([3]);
});

test('a listening socket whose accept queue is full: as many LISTEN_QUEUE as ListenOverflows', async () => {
	start();
	read();
	const netstat = () => parseNetstat(readFileSync('/proc/net/netstat', 'utf8'), 'ListenOverflows');
	const before = netstat();
	const port = Number(
		await python(
			'import time',
			'server = socket.socket()',
			'server.bind(("127.0.0.1", 0)); server.listen(0)',
			'clients = []',
			'for i in range(8):',
			'    client = socket.socket(); client.setblocking(False)',
			'    try: client.connect(server.getsockname())',
			'    except BlockingIOError: pass',
			'    clients.append(client)',
			'time.sleep(0.3)',
			'print(server.getsockname()[1])',
		),
	);
	const { rows } = read();
	const overflows = netstat() - before;
	const own = rows.filter(({ kind, reason }) => kind === 'overflow' && reason === 'LISTEN_QUEUE');
	expect(port).toBeGreaterThan(0);
	expect(overflows).toBeGreaterThan(0);
	expect(own.reduce((sum, row) => sum + row.count_total, 0)).toBe(overflows);
});
