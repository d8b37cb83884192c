/** Troubles that are made on purpose beside a database under load, and the first line that each should get. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { type Postgres, start, stop } from './postgres.ts';

export interface Case {
	name: string;
	/** What the one who was called has to read first. */
	wanted: string;
	/** Clients of the load; empty: the trouble brings its own. */
	load: readonly string[];
	/** Begins the trouble. Returns how to end it. */
	begin(postgres: Postgres, folder: string): Promise<() => Promise<void>>;
	/** Is this the line? */
	right(finding: Finding): boolean;
	/** Why it cannot run here; undefined: it can. */
	missing?(): string | undefined;
}

const all = (children: readonly ChildProcess[]) => async () => {
	await Promise.all(children.map(stop));
};
const named = (finding: Finding, pattern: RegExp) =>
	pattern.test(`${finding.subject} ${finding.text} ${finding.owner?.comm ?? ''}`);
const by = (finding: Finding, pattern: RegExp) => pattern.test(`${finding.subject} ${finding.owner?.comm ?? ''}`);

const BENCH = ['-c', '8', '-j', '2'];

/** A control group with a memory limit, of cgroup v2 or v1; undefined: none can be made. */
function limitedGroup(name: string, bytes: number): string | undefined {
	const v2 = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((root) => {
		try {
			return readFileSync(join(root, 'cgroup.controllers'), 'utf8').includes('memory');
		} catch {
			return false;
		}
	});
	const v1 = '/sys/fs/cgroup/memory';
	const group = join(v2 ?? v1, name);
	const file = v2 === undefined ? 'memory.limit_in_bytes' : 'memory.max';
	if (v2 === undefined && !existsSync(join(v1, file))) return undefined;
	mkdirSync(group, { recursive: true });
	try {
		writeFileSync(join(group, file), String(bytes));
		return group;
	} catch {
		rmdirSync(group);
		return undefined;
	}
}

const memoryCase = (name: string, wanted: string, script: string, bytes: number): Case => ({
	name,
	wanted,
	load: BENCH,
	missing() {
		const group = limitedGroup('wattlag-triage-probe', 1 << 26);
		if (group === undefined) return 'no memory controller';
		rmdirSync(group);
		return undefined;
	},
	async begin() {
		const group = limitedGroup('wattlag-triage', bytes) as string;
		const child = start(['sh', '-c', `echo $$ > ${group}/cgroup.procs; exec ${script}`], 40);
		return async () => {
			await stop(child);
			for (let tries = 0; tries < 20; tries++) {
				try {
					rmdirSync(group);
					return;
				} catch {
					await new Promise((resolve) => setTimeout(resolve, 100));
				}
			}
		};
	},
	right: (finding) => /memory/.test(`${finding.subject} ${finding.text}`) && named(finding, /wattlag-triage|python/),
});

/** A file of this size is written once and read again and again, within less memory. */
const CHURN = `python3 -c "
import mmap, os, tempfile
f = tempfile.TemporaryFile(dir='/var/tmp'); f.truncate(160 << 20)
m = mmap.mmap(f.fileno(), 160 << 20)
while True:
    for i in range(0, 160 << 20, 4096): m[i] = (m[i] + 1) % 256
"`;

export const cases: readonly Case[] = [
	{
		name: 'CPU hog',
		wanted: 'CPUs busy, most by the hog',
		load: BENCH,
		begin: async () => all(Array.from({ length: 6 }, () => start(['yes'], 40))),
		right: (finding) => finding.rule === 'cpu-saturated' && by(finding, /yes/),
	},
	{
		name: 'IO hog',
		wanted: 'the device is slow, most by dd',
		load: BENCH,
		begin: async (_, folder) =>
			all(
				Array.from({ length: 4 }, (__, index) =>
					start(
						[
							'sh',
							'-c',
							`while :; do dd if=/dev/zero of=${folder}/hog${index} bs=1M count=200 oflag=direct conv=notrunc 2>/dev/null; done`,
						],
						40,
					),
				),
			),
		right: (finding) => ['slow-device', 'pressure', 'stuck-io'].includes(finding.rule) && by(finding, /dd/),
	},
	{
		name: 'fsync hog',
		wanted: 'writes or flushes are slow, most by dd',
		load: BENCH,
		begin: async (_, folder) =>
			all(
				Array.from({ length: 6 }, (__, index) =>
					start(
						[
							'sh',
							'-c',
							`while :; do dd if=/dev/zero of=${folder}/sync${index} bs=64k count=2000 oflag=sync conv=notrunc 2>/dev/null; done`,
						],
						40,
					),
				),
			),
		right: (finding) => ['slow-device', 'pressure', 'stuck-io'].includes(finding.rule) && by(finding, /dd/),
	},
	memoryCase('memory hog', 'memory pressure in its control group', CHURN, 64 << 20),
	{
		name: 'a session has the lock',
		wanted: 'postgres ×8 have stopped, behind the session in a transaction',
		load: BENCH,
		async begin(postgres) {
			const session = postgres.session();
			session.stdin?.write('begin; select * from pgbench_branches for update;\n');
			return all([session]);
		},
		right: (finding) => finding.rule === 'stopped' && named(finding, /postgres/) && finding.owner?.comm === 'postgres',
	},
	{
		name: 'hot row',
		wanted: 'postgres have stopped, behind the one that has the row',
		load: [],
		async begin(postgres, folder) {
			const script = join(folder, 'hot.sql');
			writeFileSync(
				script,
				'begin;\nupdate pgbench_branches set bbalance = bbalance + 1 where bid = 1;\n\\sleep 700 ms\nend;\n',
				{ mode: 0o644 },
			);
			return all([postgres.pgbench('-c', '24', '-j', '2', '-f', script)]);
		},
		right: (finding) => finding.rule === 'stopped' && named(finding, /postgres/) && finding.owner?.comm === 'postgres',
	},
	{
		name: 'connection storm',
		wanted: 'processes begin and end in masses: postgres',
		load: [],
		begin: async (postgres) => all([postgres.pgbench('-C', '-c', '12', '-j', '2', '-S')]),
		right: (finding) => finding.rule === 'storm' && named(finding, /postgres/),
	},
	{
		name: 'full disk',
		wanted: 'the file system is full',
		load: BENCH,
		async begin(_, folder) {
			const at = join(folder, 'small');
			mkdirSync(at);
			const child = start(
				[
					'sh',
					'-c',
					`truncate -s 64M ${folder}/small.img && mkfs.ext4 -q ${folder}/small.img && mount -o loop ${folder}/small.img ${at} && dd if=/dev/zero of=${at}/fill bs=64k 2>/dev/null; while :; do echo line >> ${at}/log 2>/dev/null; sleep 0.1; done`,
				],
				40,
			);
			return async () => {
				await stop(child);
				await new Promise<void>((resolve) => start(['umount', at], 10).once('exit', () => resolve()));
			};
		},
		right: (finding) => finding.rule === 'full',
	},
	{
		name: 'slow peer',
		wanted: 'the server has stopped, behind the proxy',
		load: [],
		async begin(_, folder) {
			const script = join(folder, 'peer.py');
			writeFileSync(script, PEER, { mode: 0o644 });
			return all([
				start(['python3', script, 'proxy'], 40),
				start(['python3', script, 'server'], 40),
				start(['python3', script, 'client'], 40),
			]);
		},
		right: (finding) =>
			finding.rule === 'stopped' && named(finding, /python3|proxy/) && /it is at|behind/.test(finding.text),
	},
	{
		name: 'paused backend',
		wanted: 'postgres is stopped by a signal',
		load: ['-c', '1'],
		async begin(postgres) {
			const pid = Number(postgres.query("select pid from pg_stat_activity where application_name = 'pgbench' limit 1"));
			process.kill(pid, 'SIGSTOP');
			return async () => {
				process.kill(pid, 'SIGCONT');
			};
		},
		right: (finding) => finding.rule === 'stopped' && /SIGSTOP/.test(finding.text) && named(finding, /postgres/),
	},
	{
		name: 'runaway logger',
		wanted: 'the logger writes most',
		load: BENCH,
		begin: async (_, folder) =>
			all([
				start(
					[
						'python3',
						'-c',
						`f=open('${folder}/log','w')\nimport os\nwhile True:\n f.write('x'*200+'\\n')\n if f.tell() > 3<<30: f.seek(0)`,
					],
					40,
				),
			]),
		right: (finding) =>
			by(finding, /python3/) && ['writes', 'cpu-saturated', 'slow-device', 'pressure'].includes(finding.rule),
	},
	memoryCase('control group at its memory limit', 'memory pressure in the group', CHURN, 48 << 20),
	{
		name: 'deadlock of two Node workers',
		wanted: 'the process has stopped, its threads in a futex wait',
		load: [],
		async begin(_, folder) {
			const script = join(folder, 'deadlock.mjs');
			writeFileSync(script, DEADLOCK, { mode: 0o644 });
			const child = start([process.execPath, script], 60);
			// it works for some seconds first
			await new Promise((resolve) => setTimeout(resolve, 20_000));
			return all([child]);
		},
		right: (finding) => finding.rule === 'halted' && /futex/.test(finding.text),
	},
];

/** A proxy that answers late, a server that asks it within a request, a client of the server. */
const PEER = `
import socket, sys, time
def line(s):
    data = b''
    while not data.endswith(b'\\n'):
        got = s.recv(100)
        if not got: return b''
        data += got
    return data
def listen(port):
    global l
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(('127.0.0.1', port)); l.listen(); return l.accept()[0]
def connect(port):
    for _ in range(100):
        try: return socket.create_connection(('127.0.0.1', port))
        except OSError: time.sleep(0.1)
n = 0
if sys.argv[1] == 'proxy':
    s = listen(18081)
    while line(s):
        n += 1
        if n > 300: time.sleep(60)
        s.sendall(b'ok\\n')
elif sys.argv[1] == 'server':
    out = connect(18081); s = listen(18080)
    while line(s):
        out.sendall(b'q\\n'); line(out); s.sendall(b'ok\\n')
else:
    s = connect(18080)
    while True:
        s.sendall(b'q\\n'); line(s); time.sleep(0.001)
`;

/** Two workers that work for twenty seconds under two locks, then take them in opposite order. */
const DEADLOCK = `
import { Worker, isMainThread, workerData } from 'node:worker_threads';
if (isMainThread) {
	const locks = new Int32Array(new SharedArrayBuffer(8));
	for (const first of [0, 1]) new Worker(new URL(import.meta.url), { workerData: { locks, first } });
} else {
	const { locks, first } = workerData;
	const take = (at) => { while (Atomics.compareExchange(locks, at, 0, 1) !== 0) Atomics.wait(locks, at, 1); };
	const give = (at) => { Atomics.store(locks, at, 0); Atomics.notify(locks, at); };
	const until = Date.now() + 20_000;
	while (Date.now() < until) { take(first); for (let i = 0; i < 1e5; i++) Math.sqrt(i); give(first); }
	take(first); await new Promise((done) => setTimeout(done, 100)); take(1 - first);
}
`;
