/** Impossible requests to the built program: one clear line, exit code 2, and nothing goes on running. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-refusals-'));

afterAll(() => rmSync(folder, { recursive: true }));

test.for<[args: string[], line: string]>([
	[['record', '/proc/recordings'], 'wattlag: /proc/recordings: no such file or directory'],
	[['record', '/etc/hostname'], 'wattlag: /etc/hostname is not a folder: name another folder'],
	[['record', '/etc/hostname/deep'], 'wattlag: /etc/hostname/deep: not a directory'],
	[['export', '/nowhere'], 'wattlag: /nowhere: no such file or directory'],
	[['export', '/etc/hostname'], 'wattlag: /etc/hostname: no recording of wattlag'],
	[['compare', '/nowhere', '/nowhere'], 'wattlag: /nowhere: no such file or directory'],
	[['captures', '/nowhere'], 'wattlag: /nowhere: no such file or directory'],
	[['report', '/nowhere'], 'wattlag: /nowhere: no such file or directory'],
	[['serve', '--otlp', 'ftp://there', '--listen', 'none'], 'wattlag: --otlp ftp://there: only http and https'],
	[
		['serve', '--bulk', 'no url', '--listen', 'none'],
		'wattlag: --bulk no url: not a URL; write e.g. https://host:4318',
	],
	[['fleet', '--hosts', '/nowhere', '--json'], 'wattlag: --hosts /nowhere: no such file or directory'],
	[
		['--batch', '--tab', 'io', '--cgroup', '/nowhere', '-n', '1'],
		"wattlag: io: there is no control group '/nowhere' in the unified hierarchy; name it as in /proc/PID/cgroup behind 0::, e.g. /system.slice/ssh.service",
	],
	[
		['profile', '--cgroup', '/nowhere'],
		"wattlag: there is no control group '/nowhere' in the unified hierarchy; name it as in /proc/PID/cgroup behind 0::, e.g. /system.slice/ssh.service",
	],
	[
		['--batch', '--tab', 'io', '--device', 'nowhere', '-n', '1'],
		"wattlag: io: there is no block device 'nowhere'; name it as in /sys/class/block, e.g. vda or vda2",
	],
	[
		['--batch', '--tab', 'io', '--file', '/nowhere', '-n', '1'],
		"wattlag: io: there is no file '/nowhere'; name one that exists",
	],
	[
		['--batch', '--comm', 'a-name-of-many-bytes', '-n', '1'],
		"wattlag: --comm: 'a-name-of-many-bytes' has 20 bytes, and the kernel keeps 15 of a name: use 'a-name-of-many-'",
	],
	[['measure', '-n', '0', '--', 'true'], 'wattlag: -n: 0 is out of range (measure runs at least once)'],
	[['compare', '/etc'], 'wattlag: compare needs another recording: wattlag compare A B'],
])('wattlag %s', ([args, line]) => {
	const { status, stdout, stderr } = spawnSync('bin/wattlag', args, {
		encoding: 'utf8',
		env: { ...process.env, TMPDIR: folder },
		timeout: 60_000,
	});
	expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: `${line}\n` });
});

const batch = ['--batch', '--json', '--tab', 'energy', '--source', 'proc', '--delay', '0.2'];

test('no module is loaded that the environment names: sudo -E would let its user choose what root runs', () => {
	const planted = join(folder, 'planted.cjs');
	writeFileSync(planted, "console.error('planted')");
	const env = { ...process.env, NODE_OPTIONS: `--require=${planted}` };
	const { stdout, stderr } = spawnSync('bin/wattlag', ['--version'], { encoding: 'utf8', env, timeout: 60_000 });
	expect({ stdout: stdout.replace(/\d.*\n/, ''), stderr }).toEqual({ stdout: 'wattlag ', stderr: '' });
});

test('SIGUSR1 opens no debugger, through which every user could become root', async () => {
	const child = spawn('bin/wattlag', batch, { stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '';
	child.stderr.on('data', (bytes: Buffer) => {
		said += bytes.toString('utf8');
	});
	try {
		let lines = 0;
		for await (const bytes of child.stdout) {
			if (lines === 0) child.kill('SIGUSR1');
			lines += (bytes as Buffer).toString('latin1').split('\n').length - 1;
			if (lines >= 4) break;
		}
		expect(lines).toBeGreaterThanOrEqual(4);
		expect(said).toBe('');
	} finally {
		child.kill('SIGKILL');
	}
});

test('without /proc there are figures, and no stack', () => {
	const run = `umount -l /proc && exec bin/wattlag ${batch.map((word) => (word === 'proc' ? 'time' : word)).join(' ')} -n 1`;
	// in a chroot the root is no mount whose propagation could be changed
	const apart = ['-m', '--propagation', 'unchanged', 'sh', '-c', `mount --make-private /proc && ${run}`];
	const { status, stdout, stderr } = spawnSync('unshare', apart, { encoding: 'utf8', timeout: 60_000 });
	expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
	expect(JSON.parse(stdout).cost.rss_bytes).toBeGreaterThan(10e6);
});
