/** Files by subvolume and layer: filters on btrfs and overlayfs, and write-back of files with one inode number. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Unavailable } from '../../src/core/errors.ts';
import { laidOut } from './fio.ts';
import { loadModule, seconds } from './host.ts';
import { ioSessions } from './io-session.ts';
import { onDisk } from './load.ts';

const run = promisify(execFile);

const start = ioSessions();

type Skip = (condition: boolean, note: string) => void;

function skipWithout(type: string, skip: Skip): void {
	loadModule(type);
	const known = new RegExp(`\\b${type}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
	skip(!known, `this kernel has no ${type}`);
}

async function onFileSystem(type: string, use: (mount: string) => Promise<void>): Promise<void> {
	await onDisk(async (directory) => {
		const image = await laidOut(directory, 'image', 200);
		await run(`mkfs.${type}`, ['-q', image]);
		const mount = join(directory, 'mount');
		mkdirSync(mount);
		await run('mount', ['-o', 'loop', image, mount]);
		try {
			await use(mount);
		} finally {
			await run('umount', [mount]);
		}
	});
}

async function dd(...operands: string[]): Promise<number> {
	const child = spawn('dd', [...operands, 'status=none'], { stdio: 'inherit' });
	await once(child, 'close');
	return child.pid as number;
}

/** Two subvolumes, each with a file of 4 MiB that has the same inode number. */
async function subvolumes(mount: string): Promise<[string, string]> {
	await run('btrfs', ['-q', 'subvolume', 'create', join(mount, 'a')]);
	const first = join(mount, 'a/f');
	await dd('if=/dev/urandom', `of=${first}`, 'bs=1M', 'count=4', 'conv=fsync');
	await run('btrfs', ['-q', 'subvolume', 'snapshot', join(mount, 'a'), join(mount, 'b')]);
	const second = join(mount, 'b/f');
	expect(statSync(first).ino).toBe(statSync(second).ino);
	await run('sync', ['--file-system', mount]);
	return [first, second];
}

test('btrfs: --file and --directory mean one subvolume', async ({ skip }) => {
	skipWithout('btrfs', skip);
	await onFileSystem('btrfs', async (mount) => {
		const [first, second] = await subvolumes(mount);
		for (const options of [{ file: first }, { directory: join(mount, 'a') }]) {
			const running = start({ device: '', ...options });
			await seconds(0.2);
			running.read(1e9, 'operation');
			/** Bytes seen while a file is read past the cache, then from the disk into it, then written. */
			const measure = async (file: string): Promise<{ read: number; write: number }> => {
				await dd(`if=${file}`, 'of=/dev/null', 'bs=64k', 'count=16', 'iflag=direct');
				await run('sync');
				await dd(`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'if=/dev/null');
				await dd(`if=${file}`, 'of=/dev/null', 'bs=64k', 'iflag=nocache');
				await dd('if=/dev/urandom', `of=${file}`, 'bs=64k', 'count=16', 'conv=notrunc,fsync');
				const { rows } = running.read(1e9, 'operation');
				const sum = (op: string) => rows.reduce((all, row) => all + (row.op === op ? row.bytes : 0), 0);
				return { read: sum('read'), write: sum('write') };
			};
			const other = await measure(second);
			expect(other).toEqual({ read: 0, write: 0 });
			const wanted = await measure(first);
			expect(wanted.read).toBeGreaterThanOrEqual(1 << 20);
			expect(wanted.write).toBeGreaterThanOrEqual(1 << 20);
		}
	});
});

test('btrfs: write-back of a file counts for its own writer, not that of its snapshot', async ({ skip }) => {
	skipWithout('btrfs', skip);
	await onFileSystem('btrfs', async (mount) => {
		const [first, second] = await subvolumes(mount);
		const running = start();
		await seconds(0.2);
		running.read(1e9, 'operation');
		const small = await dd('if=/dev/urandom', `of=${first}`, 'bs=128k', 'count=8', 'conv=notrunc');
		const large = await dd('if=/dev/urandom', `of=${second}`, 'bs=128k', 'count=24', 'conv=notrunc');
		await run('sync', ['--file-system', mount]);
		const { processes } = running.read(1e9, 'operation').extra;
		const written = (pid: number) => processes.find((one) => one.pid === pid)?.bytes_written ?? 0;
		expect(written(small)).toBeGreaterThanOrEqual((1 << 20) * 0.9);
		expect(written(small)).toBeLessThan((1 << 20) * 1.5);
		expect(written(large)).toBeGreaterThanOrEqual((3 << 20) * 0.9);
		expect(written(large)).toBeLessThan((3 << 20) * 1.3);
	});
});

test('overlayfs: refused, and the file of the layer is named', async ({ skip }) => {
	skipWithout('overlay', skip);
	await onFileSystem('ext4', async (mount) => {
		const [lower, upper, work, merged] = ['l', 'u', 'w', 'm'].map((name) => join(mount, name)) as [
			string,
			string,
			string,
			string,
		];
		for (const directory of [lower, upper, work, merged]) mkdirSync(directory);
		await dd('if=/dev/urandom', `of=${join(lower, 'f')}`, 'bs=1M', 'count=1');
		copyFileSync(join(lower, 'f'), join(upper, 'g'));
		await run('mount', ['-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, 'o', merged]);
		try {
			const refused = (options: Record<string, string>): string => {
				try {
					start(options);
				} catch (error) {
					if (error instanceof Unavailable) return `${error.message}; ${error.fix}`;
					throw error;
				}
				return '';
			};
			expect(refused({ file: join(merged, 'f') })).toBe(
				`'${join(merged, 'f')}' is on overlayfs, whose files have their requests in a layer below; name '${join(lower, 'f')}'`,
			);
			expect(refused({ file: join(merged, 'g') })).toContain(`name '${join(upper, 'g')}'`);
			expect(refused({ directory: merged })).toContain(`name '${upper}'`);
			expect(refused({ file: join(lower, 'f') })).toBe('');
		} finally {
			await run('umount', [merged]);
		}
	});
});

test('a file that only a bind mount shows has its path there; one beside it is outside', async () => {
	await onDisk(async (directory) => {
		const image = await laidOut(directory, 'image', 32);
		await run('mkfs.ext4', ['-q', image]);
		const [whole, part] = [join(directory, 'whole'), join(directory, 'part')];
		mkdirSync(whole);
		mkdirSync(part);
		await run('mount', ['-o', 'loop', image, whole]);
		let reader: ReturnType<typeof spawn> | undefined;
		try {
			mkdirSync(join(whole, 'sub'));
			const write = (name: string) =>
				dd('if=/dev/urandom', `of=${join(whole, name)}`, 'bs=64k', 'count=16', 'conv=fsync');
			await write('sub/in');
			await write('beside');
			await run('mount', ['--bind', join(whole, 'sub'), part]);
			const running = start({ slow: 0 });
			// open before its mount goes
			const script = `exec 3< ${join(whole, 'beside')}; umount -l ${whole}; read go; dd bs=64k iflag=direct of=/dev/null status=none <&3`;
			reader = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'] });
			await seconds(1);
			running.read(1e9, 'operation');
			reader.stdin?.end('go\n');
			await once(reader, 'close');
			await dd(`if=${join(part, 'in')}`, 'of=/dev/null', 'bs=64k', 'iflag=direct');
			const files = new Set(running.read(1e9, 'operation').extra.slow.map(({ file }) => file));
			expect(files).toContain(join(part, 'in'));
			expect(files).toContain('(outside) /beside');
		} finally {
			reader?.kill('SIGKILL');
			await run('umount', [part]).catch(() => undefined);
			await run('umount', [whole]).catch(() => undefined);
			rmdirSync(part);
		}
	});
});
