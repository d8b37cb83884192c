/** Troubles that are made on purpose beside a database under load, and the first line that each should get. */
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
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
	/** A severe line that is true, although it is not the wanted one. */
	allowed?(finding: Finding): boolean;
	/** Why it cannot run here; undefined: it can. */
	missing?(): string | undefined;
}

const all = (children: readonly ChildProcess[]) => async () => {
	await Promise.all(children.map(stop));
};
const named = (finding: Finding, pattern: RegExp) =>
	pattern.test(`${finding.subject} ${finding.text} ${finding.owner?.comm ?? ''}`);
const by = (finding: Finding, pattern: RegExp) => pattern.test(`${finding.subject} ${finding.owner?.comm ?? ''}`);

async function until(test: () => boolean): Promise<void> {
	for (let tries = 0; tries < 150 && !test(); tries++) await new Promise((resolve) => setTimeout(resolve, 100));
}

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

/** Reads a file again and again, within less memory than it has. The file is written, and dropped from memory, before. */
const CHURN = `
import mmap, os, random, sys, tempfile
size = 160 << 20
f = tempfile.TemporaryFile(dir='/var/tmp')
for _ in range(160): f.write(os.urandom(1 << 20))
f.flush(); os.fsync(f.fileno()); os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid()))
for _ in range(int(sys.argv[2]) - 1):
    if os.fork() == 0: break
m = mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ)
m.madvise(mmap.MADV_RANDOM)
print('begun', flush=True)
while True: m[random.randrange(size)]
`;

/** Uses more and more memory of its own. */
const GROW = `
import os, sys, time
open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid()))
print('begun', flush=True)
kept = []
while True:
    kept.append(b'x' * (1 << 20)); time.sleep(0.01)
`;

/** A trouble in a control group with this much memory. */
function memoryCase(
	about: Pick<Case, 'name' | 'wanted' | 'right'>,
	script: string,
	bytes: number,
	processes: number,
): Case {
	return {
		...about,
		load: BENCH,
		missing() {
			const group = limitedGroup('wattlag-triage-probe', 1 << 26);
			if (group === undefined) return 'no memory controller';
			rmdirSync(group);
			return undefined;
		},
		async begin(_, folder) {
			const group = limitedGroup('wattlag-triage', bytes) as string;
			const file = join(folder, 'memory.py');
			writeFileSync(file, script);
			const child = start(['sh', '-c', `exec python3 ${file} ${group} ${processes} >${folder}/begun`], 40);
			// writing the file is no part of the trouble
			await until(() => existsSync(join(folder, 'begun')) && readFileSync(join(folder, 'begun'), 'utf8') !== '');
			return async () => {
				await stop(child);
				await until(() => {
					try {
						rmdirSync(group);
						return true;
					} catch {
						return false;
					}
				});
			};
		},
	};
}

const inGroup = (finding: Finding) => named(finding, /wattlag-triage|python/);

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
	memoryCase(
		{
			name: 'memory hog',
			wanted: 'lack of memory, most by the hog, or in its group',
			right: (finding) =>
				['memory-limit', 'pressure'].includes(finding.rule) && /memory/.test(finding.text) && inGroup(finding),
		},
		CHURN,
		64 << 20,
		4,
	),
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
	memoryCase(
		{
			name: 'control group at its memory limit',
			wanted: 'the group is at its limit',
			right: (finding) => finding.rule === 'memory-limit' && /wattlag-triage/.test(finding.subject),
		},
		CHURN,
		48 << 20,
		1,
	),
	memoryCase(
		{
			name: 'out of memory in a control group',
			wanted: 'the process was killed',
			right: (finding) => finding.rule === 'oom' && named(finding, /wattlag-triage/),
		},
		GROW,
		64 << 20,
		1,
	),
	{
		name: 'deadlock of two Node workers',
		wanted: 'the process has stopped, its threads in a futex wait',
		load: [],
		async begin(_, folder) {
			const script = join(folder, 'deadlock.mjs');
			writeFileSync(script, DEADLOCK, { mode: 0o644 });
			const child = start([process.execPath, script, join(folder, 'begun')], 60);
			// it works for some seconds first
			await until(() => existsSync(join(folder, 'begun')));
			return all([child]);
		},
		right: (finding) => finding.rule === 'halted' && /futex/.test(finding.text) && named(finding, /node|MainThread/),
	},
	{
		name: 'deadlock of two threads (mutexes)',
		wanted: 'the threads that wait for each other',
		load: BENCH,
		missing: () => (spawnSync('cc', ['--version']).status === 0 ? undefined : 'no C compiler'),
		async begin(_, folder) {
			const source = join(folder, 'crossed.c');
			writeFileSync(source, CROSSED);
			execFileSync('cc', ['-O1', '-pthread', '-o', join(folder, 'crossed'), source]);
			return all([start([join(folder, 'crossed')], 40)]);
		},
		right: (finding) => finding.rule === 'deadlock' && named(finding, /crossed/),
	},
	{
		name: 'GC storm (Java)',
		wanted: 'java collects garbage',
		load: [],
		missing: () =>
			spawnSync('java', ['--list-modules'], { encoding: 'utf8' }).stdout?.includes('jdk.compiler')
				? undefined
				: 'no java',
		async begin(_, folder) {
			const source = join(folder, 'Storm.java');
			writeFileSync(source, STORM);
			const child = start(
				['java', '-Xmx48m', '-XX:+UseParallelGC', '-XX:-UseGCOverheadLimit', source, join(folder, 'begun')],
				40,
			);
			// compiling and filling the heap is no part of the trouble
			await until(() => existsSync(join(folder, 'begun')));
			return all([child]);
		},
		right: (finding) => finding.rule === 'garbage' && named(finding, /java/),
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

/** Two workers that work for fourteen seconds under two locks, then take them in opposite order. */
const DEADLOCK = `
import { writeFileSync } from 'node:fs';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
if (isMainThread) {
	const locks = new Int32Array(new SharedArrayBuffer(8));
	for (const first of [0, 1]) new Worker(new URL(import.meta.url), { workerData: { locks, first, begun: process.argv[2] } });
} else {
	const { locks, first, begun } = workerData;
	const take = (at) => { while (Atomics.compareExchange(locks, at, 0, 1) !== 0) Atomics.wait(locks, at, 1); };
	const give = (at) => { Atomics.store(locks, at, 0); Atomics.notify(locks, at); };
	const until = Date.now() + 14_000;
	while (Date.now() < until) { take(first); for (let i = 0; i < 1e5; i++) Math.sqrt(i); give(first); }
	take(first); await new Promise((done) => setTimeout(done, 100)); if (first === 0) writeFileSync(begun, '1'); take(1 - first);
}
`;

/** Each of two threads takes one mutex, then the other's. */
const CROSSED = `
#include <pthread.h>
#include <unistd.h>
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static void *second(void *unused) { pthread_mutex_lock(&b); usleep(200000); pthread_mutex_lock(&a); return 0; }
int main(void) { pthread_t t; pthread_create(&t, 0, second, 0); pthread_mutex_lock(&a); usleep(200000); pthread_mutex_lock(&b); }
`;

/** A heap that is nearly full of what is still used, and rubbish all the time. */
const STORM = `
public class Storm {
	static Object[] kept = new Object[40000];
	public static void main(String[] args) throws Exception {
		long round = 0;
		for (int i = 0; ; i = (i + 1) % kept.length) {
			kept[i] = new byte[900];
			if (i == kept.length - 1 && round++ == 0) new java.io.FileOutputStream(args[0]).close();
		}
	}
}
`;
