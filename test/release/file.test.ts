/** The one file in a root folder that has busybox and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
	chmodSync,
	chownSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { artifact, version } from './artifacts.ts';
import { type Entering, Root } from './roots.ts';

const BASE = 'var/cache/wattlag';
let root: Root;

beforeAll(() => {
	root = new Root();
	root.add(artifact.file(), 'wattlag');
});
afterAll(() => root.remove());

/** Names of the trees below a folder of the root. */
function trees(base = BASE): string[] {
	const folder = join(root.path, base);
	return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f]{32}$/.test(name)) : [];
}

function tree(base = BASE): string {
	const [name, ...others] = trees(base);
	if (name === undefined || others.length > 0) throw new Error(`not one tree: ${trees(base)}`);
	return join(root.path, base, name);
}

const printsVersion = (entering: Entering = {}) => {
	const { status, stdout, stderr } = root.run(['/wattlag', '--version'], entering);
	expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `wattlag ${version}\n`, stderr: '' });
};

describe('without anything around it', () => {
	test('it has at most 35 MB', () => {
		expect(statSync(artifact.file()).size).toBeLessThan(35_000_000);
	});

	test('the first start unpacks it, the next ones do not', () => {
		printsVersion();
		const unpacked = statSync(join(tree(), 'node'));
		printsVersion();
		expect(statSync(join(tree(), 'node')).ino).toBe(unpacked.ino);
	});

	test('the folder is private', () => {
		for (const path of [join(root.path, BASE), tree()]) {
			const { uid, mode } = statSync(path);
			expect({ path, uid, mode: (mode & 0o777).toString(8) }).toEqual({ path, uid: 0, mode: '700' });
		}
	});

	test('energy is measured by BPF', () => {
		const { status, stdout, stderr } = root.run(['/wattlag', '--batch', '--tab', 'energy', '--json', '-n', '1']);
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(JSON.parse(stdout).rows.length).toBeGreaterThan(0);
	});

	test('doctor finds no tab that does not work', () => {
		const { stdout } = root.run(['/wattlag', 'doctor', '--json']);
		const { sections } = JSON.parse(stdout) as {
			sections: { title: string; checks: { name: string; state: string }[] }[];
		};
		const tabs = sections.find(({ title }) => title === 'Tabs')?.checks ?? [];
		// `less` is of the machine: groups of cgroup v1, say
		expect(tabs.filter(({ state }) => state === 'no')).toEqual([]);
		expect(tabs.length).toBeGreaterThan(4);
	});

	test('every tab draws rows', async () => {
		const run = root.terminal(['/wattlag'], { env: { TERM: 'xterm-256color' } });
		try {
			await run.waitFor(/Overview.*Energy.*Run queue.*Interrupts.*Disk IO/);
			await run.waitFor(/\d% [\s\S]*PSI[\s\S]*PID .*WATTS .*WAIT99/, 20_000);
			expect(readFileSync(`/proc/${run.pid}/comm`, 'utf8')).toBe('wattlag\n');
			await run.press('1', /\dm?W = processes/);
			await run.press('2', /\d+ waits/);
			await run.press('3', /local_timer|TIMER|SCHED/);
			await run.press('4', /in flight/);
			await run.press('5', /time from driver to process/);
			run.send('q');
			expect(await run.ended()).toEqual({ code: 0, signal: 0 });
			expect(run.fullScreen).toBe(false);
		} finally {
			await run.kill();
		}
	});

	test('variables that make Node or the C library load code are without effect', () => {
		root.run([
			'/bin/sh',
			'-c',
			'echo "console.log(\'planted\')" >/tmp/planted.cjs; mkdir -p /tmp/cache /tmp/lib; echo x >/tmp/lib/libc.so.6',
		]);
		printsVersion({
			env: {
				NODE_OPTIONS: '--require=/tmp/planted.cjs --no-such-option',
				NODE_PATH: '/tmp',
				NODE_COMPILE_CACHE: '/tmp/cache',
				LD_PRELOAD: '/tmp/planted.so',
				LD_LIBRARY_PATH: '/tmp/lib',
				LD_AUDIT: '/tmp/planted.so',
				GLIBC_TUNABLES: 'glibc.malloc.perturb=1',
				OPENSSL_CONF: '/tmp/planted.cnf',
				HOME: '/tmp',
			},
		});
		expect(readdirSync(join(root.path, 'tmp/cache'))).toEqual([]);
	});

	test('a library in /etc/ld.so.preload is not loaded', () => {
		root.run(['/bin/sh', '-c', 'echo /tmp/planted.so >/etc/ld.so.preload']);
		printsVersion();
		root.run(['/bin/sh', '-c', 'rm /etc/ld.so.preload']);
	});
});

describe('what it finds', () => {
	test.each([
		[
			'another byte, of the same size and time',
			(path: string) => {
				const { atime, mtime } = statSync(path);
				const bytes = readFileSync(path);
				bytes[bytes.length - 2] = (bytes[bytes.length - 2] as number) ^ 1;
				writeFileSync(path, bytes);
				utimesSync(path, atime, mtime);
			},
		],
		['a shorter file', (path: string) => truncateSync(path, 10)],
		['a missing file', (path: string) => rmSync(path)],
		['a file that others may write', (path: string) => chmodSync(path, 0o666)],
		['a file of another user', (path: string) => chownSync(path, 1000, 1000)],
	])('is unpacked anew: %s', (_, spoil) => {
		printsVersion();
		const path = join(tree(), 'dist/wattlag.mjs');
		const before = readFileSync(path);
		spoil(path);
		printsVersion();
		const after = join(tree(), 'dist/wattlag.mjs');
		expect(readFileSync(after).equals(before)).toBe(true);
		expect(statSync(after).uid).toBe(0);
		expect(statSync(after).mode & 0o022).toBe(0);
	});

	test('is compared by contents after another boot', () => {
		printsVersion();
		const seal = join(tree(), 'seal');
		const other = readFileSync(seal);
		other.write('00000000-0000-0000-0000-000000000000', 8, 'latin1');
		writeFileSync(seal, other);
		const { ino } = statSync(join(tree(), 'node'));
		printsVersion();
		// intact: sealed for this boot
		expect(statSync(join(tree(), 'node')).ino).toBe(ino);
		expect(readFileSync(seal).toString('latin1', 8, 16)).not.toBe('00000000');
		// not intact: contents that sizes and times do not give away
		const damaged = readFileSync(seal);
		damaged.write('00000000-0000-0000-0000-000000000000', 8, 'latin1');
		const hash = damaged.length - 1;
		damaged[hash] = (damaged[hash] as number) ^ 1;
		writeFileSync(seal, damaged);
		printsVersion();
		expect(statSync(join(tree(), 'node')).ino).not.toBe(ino);
	});

	test.each([
		['a folder of another user', 'chown 1000 "$R/var/cache/wattlag"'],
		['a folder that others may write', 'chmod 777 "$R/var/cache/wattlag"'],
		['a link to a folder of another user', 'mv "$R/var/cache/wattlag" "$R/tmp/w"; ln -s /tmp/w "$R/var/cache/wattlag"'],
		['a folder below one that others may write', 'chmod 777 "$R/var/cache"'],
	])('is not used: %s', (_, spoil) => {
		const own = new Root();
		try {
			own.add(artifact.file(), 'wattlag');
			own.run(['/wattlag', '--version']);
			const { status, stderr } = own.run(['/wattlag', '--version'], {
				before: `${spoil}; mkdir -p "$R/run"; mount -t tmpfs -o noexec none "$R/run"`,
			});
			expect(status).toBe(1);
			expect(stderr).toMatch(
				/^wattlag: cannot unpack itself:\n {2}\/var\/cache.*\n {2}\/run\/wattlag: mounted noexec\nto choose a folder for it: WATTLAG_DIR=/,
			);
		} finally {
			own.remove();
		}
	});
});

describe('versions', () => {
	test('trees of others are removed, but not one that somebody runs', async () => {
		printsVersion();
		const [current] = trees() as [string];
		const base = join(root.path, BASE);
		const old = join(base, 'a'.repeat(32));
		mkdirSync(old);
		writeFileSync(join(old, 'lock'), '');
		const held = join(base, 'b'.repeat(32));
		mkdirSync(held);
		writeFileSync(join(held, 'lock'), '');
		const foreign = join(base, 'notes');
		writeFileSync(foreign, '');
		rmSync(join(base, current, 'node'));
		const holder = spawn('flock', ['-s', join(held, 'lock'), 'sleep', '30']);
		await new Promise((resolve) => setTimeout(resolve, 300));
		printsVersion();
		holder.kill();
		expect(existsSync(old)).toBe(false);
		expect(existsSync(held)).toBe(true);
		expect(existsSync(foreign)).toBe(true);
		rmSync(held, { recursive: true });
		rmSync(foreign);
		expect(trees().length).toBe(1);
	});

	test('a running program keeps its files', async () => {
		const child = root.start(['/wattlag', '--batch', '--tab', 'energy', '--json']);
		try {
			await once(child.stdout as NodeJS.ReadableStream, 'data');
			const running = tree();
			const other = join(root.path, 'other');
			relabel(join(root.path, 'wattlag'), other, 'c'.repeat(32));
			const { status } = root.run(['/other', '--version']);
			expect(status).toBe(0);
			expect(existsSync(join(running, 'node'))).toBe(true);
		} finally {
			child.kill('SIGTERM');
			await once(child, 'exit');
		}
		// the next version that is unpacked finds it free
		relabel(join(root.path, 'wattlag'), join(root.path, 'third'), 'd'.repeat(32));
		expect(root.run(['/third', '--version']).status).toBe(0);
		expect(trees()).toEqual(['d'.repeat(32)]);
	});

	test('several first starts at once', async () => {
		rmSync(join(root.path, BASE), { recursive: true, force: true });
		const runs = Array.from({ length: 4 }, () => root.start(['/wattlag', '--version']));
		const statuses = await Promise.all(runs.map(async (run) => (await once(run, 'exit'))[0]));
		expect(statuses).toEqual([0, 0, 0, 0]);
		expect(readdirSync(join(root.path, BASE)).sort()).toEqual([...trees(), 'lock'].sort());
	});
});

describe('where it cannot unpack', () => {
	test('a read-only root: the folder in memory', () => {
		const before =
			'mkdir -p "$R/run"; mount -t tmpfs none "$R/run"; mount --bind "$R" "$R"; mount -o remount,bind,ro "$R"; mount --bind "$R/run" "$R/run"; mount -t tmpfs none "$R/run"; mount -t proc proc "$R/proc"';
		rmSync(join(root.path, BASE), { recursive: true, force: true });
		printsVersion({ before });
	});

	test('a tree that was unpacked before runs from a read-only root', () => {
		printsVersion();
		printsVersion({ before: 'mount --bind "$R" "$R"; mount -o remount,bind,ro "$R"; mount -t proc proc "$R/proc"' });
	});

	test('too little room: says how much', () => {
		rmSync(join(root.path, BASE), { recursive: true, force: true });
		const before =
			'mkdir -p "$R/run" "$R/var/cache"; mount -t tmpfs -o size=50M none "$R/var/cache"; mount -t tmpfs -o size=1M none "$R/run"';
		const { status, stderr } = root.run(['/wattlag', '--version'], { before });
		expect(status).toBe(1);
		expect(stderr).toMatch(/\/var\/cache\/wattlag: \d+ MB free, 1[0-9]{2} MB needed\n.*\/run\/wattlag: \d+ MB free/);
	});

	test('WATTLAG_DIR chooses the folder', () => {
		printsVersion({ env: { WATTLAG_DIR: '/root/here' } });
		expect(trees('root/here').length).toBe(1);
	});

	test.each(['relative', '/tmp/planted'])('WATTLAG_DIR=%s is refused', (folder) => {
		root.run(['/bin/sh', '-c', 'mkdir -p /tmp/planted']);
		chownSync(join(root.path, 'tmp/planted'), 1000, 1000);
		const { status, stderr } = root.run(['/wattlag', '--version'], { env: { WATTLAG_DIR: folder } });
		expect(status).toBe(1);
		expect(stderr).toMatch(/has to begin with \/|belongs to user 1000/);
	});

	test('another user, HOME unset: a private folder below /tmp', () => {
		printsVersion({ user: 1000 });
		const { uid, mode } = statSync(join(root.path, 'tmp/wattlag-1000'));
		expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 1000, mode: 0o700 });
	});

	test('another user, /tmp without execution: says what to set', () => {
		const { status, stderr } = root.run(['/wattlag', '--version'], {
			user: 1001,
			before: 'mount -t tmpfs -o noexec,mode=1777 none "$R/tmp"',
		});
		expect(status).toBe(1);
		expect(stderr).toMatch(/\/tmp\/wattlag-1001: mounted noexec\nto choose a folder for it: WATTLAG_DIR=/);
	});

	test('no proc: a message names it', () => {
		const { status, stderr } = root.run(['/wattlag', '--version'], { before: 'umount "$R/proc"' });
		expect(status).toBe(1);
		expect(stderr).toBe('wattlag: cannot read /proc/self/exe; is proc mounted? mount -t proc proc /proc\n');
	});

	test('a damaged copy is found out', () => {
		const path = join(root.path, 'damaged');
		relabel(join(root.path, 'wattlag'), path, 'e'.repeat(32), (bytes) => {
			bytes[20_000_000] = (bytes[20_000_000] as number) ^ 255;
		});
		const { status, stderr } = root.run(['/damaged', '--version']);
		expect(status).toBe(1);
		expect(stderr).toContain('this file is damaged: copy it again');
		expect(trees()).not.toContain('e'.repeat(32));
	});
});

/** A copy that unpacks under another name, as another version does. */
function relabel(from: string, to: string, id: string, change: (bytes: Buffer) => void = () => {}): void {
	const bytes = readFileSync(from);
	bytes.write(id, bytes.length - 56, 'latin1');
	change(bytes);
	writeFileSync(to, bytes, { mode: 0o755 });
}
