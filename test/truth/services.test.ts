/** A service on the overview: what the kernel dropped of its packets, that it began anew, that it has new processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { cgroupMount } from '../../src/system/cgroups.ts';
import { seconds } from './host.ts';
import { end } from './leftovers.ts';

const root = cgroupMount('/proc')?.folder;
const NAME = `wattlag-test-${process.pid}.service`;
const group = join(root ?? '/', NAME);

const children: ChildProcess[] = [];
afterAll(async () => {
	await Promise.all(children.map((child) => end(child)));
	if (root) rmdirSync(group);
});

function started(command: string, ...args: string[]): ChildProcess {
	const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
	children.push(child);
	return child;
}

/** Has a socket with little room, reads nothing from it and works a little. Resolves with its port. */
const SERVER = `
import socket, sys, time
open(sys.argv[1] + '/cgroup.procs', 'w').write('0')
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
end = time.time() + 60
while time.time() < end:
    sum(range(2000)); time.sleep(0.01)
`;

async function server(): Promise<{ child: ChildProcess; port: number }> {
	const child = started('python3', '-c', SERVER, group);
	const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
	return { child, port: Number(line) };
}

/** Dropped so far, by the socket's own counter. */
function droppedOf(port: number): number {
	const at = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
	const line = readFileSync('/proc/net/udp', 'utf8')
		.split('\n')
		.find((one) => one.includes(at));
	return Number(line?.trim().split(/\s+/).at(-1) ?? 0);
}

const FLOOD = `
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for at in range(600):
    s.sendto(b'x' * 500, ('127.0.0.1', int(sys.argv[1])))
    if at % 20 == 0: time.sleep(0.02)
`;

interface Row {
	comm: string;
	drops?: number;
	restarts?: number;
	started: number;
	processes: number;
}

test('drops of its socket, restarts, and new processes', async ({ skip }) => {
	skip(root === undefined, 'no unified hierarchy of control groups is mounted');
	mkdirSync(group);
	const rows: Row[] = [];
	const first = await server();
	const program = started(
		'bin/wattlag',
		...['--batch', '--tab', 'overview', '--group', 'service', '--json', '--delay', '0.5', '--iterations', '120'],
	);
	let lines = 0;
	createInterface({ input: program.stdout as NodeJS.ReadableStream }).on('line', (text) => {
		lines++;
		rows.push(...(JSON.parse(text) as { rows: Row[] }).rows.filter(({ comm }) => comm === NAME));
	});
	/** So many more intervals. */
	const intervals = async (more: number) => {
		for (const until = lines + more; lines < until; ) await seconds(0.05);
	};
	await intervals(2);
	expect(rows.length).toBeGreaterThan(0);
	expect(rows.reduce((sum, { restarts = 0, started: fresh }) => sum + restarts + fresh, 0)).toBe(0);

	const flood = started('python3', '-c', FLOOD, String(first.port));
	await once(flood, 'exit');
	const dropped = droppedOf(first.port);
	expect(dropped).toBeGreaterThan(300);
	// sockets are read every 5 s, and what was found is spread over as much time
	const seen = () => rows.reduce((sum, { drops = 0 }) => sum + drops, 0);
	for (let tries = 0; tries < 60 && seen() < dropped; tries++) await intervals(1);
	await intervals(2);
	expect(seen()).toBe(dropped);

	// a unit that ends and is started again
	rows.length = 0;
	for (let turn = 1, last = first.child; turn <= 2; turn++) {
		await end(last);
		last = (await server()).child;
		const restarts = () => rows.reduce((sum, { restarts: found = 0 }) => sum + found, 0);
		// lines of before the restart may be on their way still
		for (let tries = 0; tries < 20 && restarts() < turn; tries++) await intervals(1);
		await intervals(1);
		expect(restarts()).toBe(turn);
		expect(rows.reduce((sum, { started: fresh }) => sum + fresh, 0)).toBeGreaterThanOrEqual(turn);
	}
	expect(seen()).toBe(0);
}, 60_000);
