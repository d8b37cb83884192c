/** Connections that nobody has accepted: whose they are, by the kernel's own objects, beside what their program says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { Ends } from '../../src/tracers/overview/tasks/standstill/ends.ts';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { realHost } from './host.ts';
import { leashed } from './leftovers.ts';

/** Prints the inodes of each kind: the listening socket, one client that is accepted, two that are not. */
const SCRIPT = `
import os, socket, sys
inode = lambda s: str(os.fstat(s.fileno()).st_ino)
kept = []
for family, address in (socket.AF_UNIX, '\\0wattlag-' + str(os.getpid())), (socket.AF_INET, ('127.0.0.1', 0)):
    server = socket.socket(family); server.bind(address); server.listen(8)
    clients = []
    for _ in range(3):
        client = socket.socket(family); client.connect(server.getsockname()); clients.append(client)
        if len(clients) == 1: kept.append(server.accept()[0])
    kept += [server, *clients]
    print(inode(server), *map(inode, clients), flush=True)
sys.stdin.read()
`;

test('the listening socket knows its clients, and they know its process', async () => {
	const child = spawn(...leashed('python3', '-c', SCRIPT), { stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = once(child, 'exit');
	const walk = new TaskWalk(realHost());
	try {
		const lines: number[][] = [];
		for await (const line of createInterface({ input: child.stdout })) {
			lines.push(line.split(' ').map(Number));
			if (lines.length === 2) break;
		}
		const channels = walk.channels();
		const ends = new Ends(channels);
		for (const [kind, [listening, accepted, ...others]] of [
			['unix', lines[0] as number[]],
			['tcp', lines[1] as number[]],
		] as const) {
			const of = (inode: number | undefined) => channels.find((one) => one.inode === inode && one.kind === kind);
			const server = of(listening);
			expect(server, kind).toMatchObject({ listens: true, pending: 2 });
			if (!server) throw new Error('there is no listening socket');
			const { pid } = server;
			expect(ends.waitingAt(server), kind).toEqual([pid, pid]);
			for (const inode of others) {
				const client = of(inode);
				if (!client) throw new Error('there is no client');
				expect(ends.others(client), kind).toEqual([pid]);
				expect(client.awaits > 0, kind).toBe(kind === 'unix');
			}
			expect(of(accepted), kind).toMatchObject({ awaits: 0, listens: false });
		}
	} finally {
		walk.close();
		child.stdin.end();
		await ended;
	}
});
