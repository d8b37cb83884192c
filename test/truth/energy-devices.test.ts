/** Bytes by which the energy of disks and network is divided, against loads that move a known number. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { monotonicNs } from '../../src/lib/clock.ts';
import { openMoves } from '../../src/tracers/energy/devices/moved.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { realHost } from './host.ts';
import { temporaryDirectory } from './leftovers.ts';
import { namespacePair } from './network-namespaces.ts';

const MIB = 2 ** 20;
const SENT = 5_000_000;

const server = `import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('10.99.0.2', 7000)); s.listen(1)
c, _ = s.accept(); s.close()
while c.recv(65536): pass`;
const client = `import os, socket, time
print(os.getpid(), flush=True)
s = socket.socket()
for i in range(100):
    try:
        s.connect(('10.99.0.2', 7000)); break
    except OSError: time.sleep(0.05)
s.sendall(b'x' * ${SENT})
u, v = socket.socketpair(); u.sendall(b'y' * 1000); v.recv(1000)`;

test('bytes to a disk and into a network, of processes that have ended: those of the load', () => {
	// on the disk that the project is on: /tmp may be memory
	const { path, remove } = temporaryDirectory(join(process.cwd(), 'build/moved-'));
	onTestFinished(remove);
	const pair = namespacePair();
	onTestFinished(() => pair.close());
	const session = energy.start(realHost(), {});
	onTestFinished(() => session.close());
	const moves = openMoves(realHost(), { disk: true, network: true });
	onTestFinished(() => moves.close());
	expect(moves.missing).toEqual([]);
	session.read(1, 'process');
	moves.read([]);
	const begin = monotonicNs();
	const dd = `echo $$; exec dd if=/dev/zero of=${path}/file bs=1M count=32 oflag=direct status=none`;
	const writer = Number(execFileSync('sh', ['-c', dd], { encoding: 'utf8' }));
	pair.run('b', 'sh', '-c', `timeout 20 python3 -c "$1" >/dev/null 2>&1 &`, 'sh', server);
	const sender = Number(pair.run('a', 'python3', '-c', client));
	const { rows } = session.read(monotonicNs() - begin, 'process');
	const ran = rows.map(({ pid, start_time, comm, cgroup }) => ({ pid, start: start_time, comm, cgroup, uid: 0, threads: 0 })); // biome-ignore format: one process
	const moved = [...moves.read(ran)];
	const of = (pid: number) => moved.find(([process]) => process.pid === pid)?.[1];
	// and pages of metadata: the file is new
	expect(of(writer)?.written).toBeGreaterThanOrEqual(32 * MIB);
	expect(of(writer)?.written).toBeLessThan(32.1 * MIB);
	expect(of(writer)?.network).toBe(0);
	expect(of(sender)?.network).toBe(SENT);
	// nothing of it is there twice
	const again = [...moves.read(ran).keys()].map(({ pid }) => pid);
	expect(again).not.toContain(writer);
	expect(again).not.toContain(sender);
});
