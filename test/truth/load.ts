/** Work for the kernel, made with what every machine has. */
import { execFile, execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OUTSIDE } from '../../src/tracers/io/file-paths.ts';
import { atLatestAtExit, leashed, temporaryDirectory } from './leftovers.ts';

const execute = promisify(execFile);

/** Run a command to its end. */
async function run(command: string, args: string[]): Promise<void> {
	await execute(...leashed(command, ...args));
}

/** Run `use` with a new directory on the disk that the project is on (/tmp may be memory), removed afterwards. */
export async function onDisk<T>(use: (directory: string) => Promise<T>): Promise<T> {
	const { path, remove } = temporaryDirectory(join(process.cwd(), 'build/truth-'));
	try {
		return await use(path);
	} finally {
		remove();
	}
}

/**
 * A directory below the working directory by the path that its files are reported with: the kernel's begins at the root of all
 * mounts, which in a chroot is not ours.
 */
export async function toldPath(directory: string): Promise<string> {
	const steps = [
		'import os, sys',
		'here = os.open(sys.argv[1], os.O_RDONLY)',
		// the working directory is not below this root, so nothing stops the way up
		'os.chroot(sys.argv[1])',
		'for _ in range(100): os.chdir("..")',
		'os.chroot(".")',
		'os.fchdir(here)',
		'print(os.getcwd())',
	];
	const path = (await execute('python3', ['-c', steps.join('\n'), directory])).stdout.trim();
	return path === directory ? path : `${OUTSIDE} ${path}`;
}

/** `dd` with these operands: `if=…`, `bs=4k`, `oflag=direct`. */
export async function dd(...operands: string[]): Promise<void> {
	await run('dd', [...operands, 'status=none']);
}

/** A file of `blocks` × 4 KiB written and read past the page cache, one request each. */
export async function directIo(directory: string, blocks: number): Promise<void> {
	const file = join(directory, 'direct');
	await dd('if=/dev/zero', `of=${file}`, 'bs=4k', `count=${blocks}`, 'oflag=direct');
	await dd(`if=${file}`, 'of=/dev/null', 'bs=4k', 'iflag=direct');
}

/** Datagrams through the loopback device, one at a time. */
export async function loopback(datagrams: number): Promise<void> {
	const receiver = createSocket('udp4');
	const sender = createSocket('udp4');
	receiver.bind(0, '127.0.0.1');
	await once(receiver, 'listening');
	const { port } = receiver.address();
	for (let sent = 0; sent < datagrams; sent++) {
		const received = once(receiver, 'message');
		sender.send('x', port, '127.0.0.1');
		await received;
	}
	sender.close();
	receiver.close();
}

/**
 * Blocks handed over a pipe that holds one of them, between processes on different CPUs, both of which have something
 * of less importance to do: every wake-up interrupts the other CPU.
 */
export async function pipeAcrossCpus(blocks: number): Promise<void> {
	const busy = (cpu: number): string =>
		`setpriv --pdeathsig KILL taskset -c ${cpu} nice -n 19 sh -c 'while :; do :; done' & busy="$busy $!"`;
	const pipe = `taskset -c 0 dd if=/dev/zero bs=64k count=${blocks} status=none | taskset -c 1 dd of=/dev/null bs=64k status=none`;
	await run('sh', ['-c', `${busy(0)}; ${busy(1)}; ${pipe}; kill $busy`]);
}

/** A UDP flood through a pair of interfaces between two network namespaces. */
export async function flood(packets: number): Promise<void> {
	const [near, far] = [`wl${process.pid}a`, `wl${process.pid}b`];
	const ip = (...args: string[]) => run('ip', args);
	// not `ip -n`, which mounts, and cannot in a chroot
	const within = (name: string, ...command: string[]) => run('nsenter', [`--net=/run/netns/${name}`, ...command]);
	const remove = atLatestAtExit(() => {
		for (const name of [near, far]) execFileSync('ip', ['netns', 'del', name]);
	});
	try {
		for (const name of [near, far]) await ip('netns', 'add', name);
		await within(near, 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', far);
		for (const [name, link, address] of [
			[near, 'v0', '10.254.1.1/24'],
			[far, 'v1', '10.254.1.2/24'],
		] as const) {
			await within(name, 'ip', 'addr', 'add', address, 'dev', link);
			await within(name, 'ip', 'link', 'set', link, 'up');
		}
		await setTimeout(300);
		const send = `const s=require('dgram').createSocket('udp4');let n=0;(function next(){n++<${packets}?s.send(Buffer.alloc(1200),9,'10.254.1.2',next):s.close()})()`;
		await within(near, process.execPath, '-e', send);
	} finally {
		remove();
	}
}
