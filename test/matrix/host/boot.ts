/** One boot of a guest in QEMU, by software emulation: no /dev/kvm is needed, and none is used. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { leashed, temporaryDirectory } from '../../truth/leftovers.ts';
import { DISK_DEVICES, type Disk, type Machine } from '../machines.ts';
import { initramfs } from './initramfs.ts';
import type { Prepared } from './kernel.ts';

/** What a guest is made of. */
export interface Image {
	kernel: Prepared;
	/** Static, of the guest's architecture. */
	busybox: string;
	/** Becomes the guest's root, which it cannot change. */
	root: string;
	/** In that root: where the command starts. */
	project: string;
}

/** What the host can do with a running guest. */
export interface Control {
	/** It stands still for so long; its clock goes on. */
	stop(ms: number): void;
	/** A command of QEMU's monitor. */
	monitor(command: string): void;
}

export interface Booted {
	/** It reported nothing for too long. */
	hung: boolean;
	/** Why the guest did not get to its end; empty: it did. */
	trouble: string;
	/** Last lines of its kernel's log, where there was trouble. */
	console: string[];
}

const DRIVERS: Readonly<Record<Disk, { modules: string[]; devices: string[] }>> = {
	virtio: { modules: ['virtio_blk'], devices: ['virtio-blk-pci,drive=scratch'] },
	scsi: { modules: ['virtio_scsi', 'sd_mod'], devices: ['virtio-scsi-pci', 'scsi-hd,drive=scratch'] },
	// with several queues QEMU's device stops for good under little load, with one only seldom
	nvme: { modules: ['nvme'], devices: ['nvme,drive=scratch,serial=scratch,max_ioqpairs=1'] },
};
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];
const DISK_BYTES = 1 << 30;

/**
 * One thread emulates all CPUs. With a thread for each, a guest dies when one CPU runs the code that another is patching,
 * as each switching of a tracepoint does (`int3: 0000`).
 */
const ACCELERATOR = 'tcg,thread=single,tb-size=256';

const PLATFORMS = {
	amd64: {
		program: 'qemu-system-x86_64',
		options: ['-M', 'pc', '-cpu', 'max,la57=off'],
		kernel: 'console=ttyS0 tsc=reliable no_timer_check',
	},
	arm64: {
		program: 'qemu-system-aarch64',
		options: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
		kernel: 'console=ttyAMA0',
	},
} as const;

function options(machine: Machine, { kernel, root }: Image, folder: string): string[] {
	const { arch, cpus, possibleCpus, memoryMib, disk } = machine;
	const { options: platform, kernel: append } = PLATFORMS[arch];
	const share = (tag: string, path: string, more = ''): string[] => [
		...['-fsdev', `local,id=${tag},path=${path.replaceAll(',', ',,')},security_model=none,multidevs=remap${more}`],
		...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
	];
	return [
		...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', ...platform, '-accel', ACCELERATOR],
		...['-smp', possibleCpus > cpus ? `${cpus},maxcpus=${possibleCpus}` : String(cpus), '-m', `${memoryMib}M`],
		...['-monitor', `unix:${join(folder, 'monitor')},server=on,wait=off`],
		...['-kernel', kernel.image, '-initrd', join(folder, 'initramfs'), '-serial', `file:${join(folder, 'console')}`],
		...share('root', root, ',readonly=on'),
		...share('modules', kernel.modules, ',readonly=on'),
		...share('result', join(folder, 'result')),
		...['-drive', `file=${join(folder, 'disk')},if=none,id=scratch,format=raw,cache=unsafe,discard=unmap`],
		...DRIVERS[disk].devices.flatMap((device) => ['-device', device]),
		'-append',
		`quiet loglevel=4 panic=-1 oops=panic mitigations=off nokaslr audit=0 random.trust_cpu=on net.ifnames=0 rdinit=/init ${append}`,
	];
}

/** The part of the kernel's log that says most: the first trouble and what follows, else the end. */
function tail(path: string): string[] {
	if (!existsSync(path)) return [];
	const lines = readFileSync(path, 'latin1').replaceAll('\r', '').trim().split('\n');
	const first = lines.findIndex((line) =>
		/Oops|BUG: |Kernel panic|int3: |general protection|matrix: |lockup/.test(line),
	);
	return first < 0 ? lines.slice(-12) : lines.slice(first, first + 30);
}

const wholeLines = (path: string): string[] =>
	existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];

/** A guest that runs one command; ended at the latest with this process. */
export class Boot {
	private readonly directory = temporaryDirectory('/tmp/wattlag-matrix-');
	private readonly machine: Machine;
	private readonly image: Image;

	constructor(machine: Machine, image: Image) {
		this.machine = machine;
		this.image = image;
	}

	/**
	 * @param command of the shell, in the guest; it reports by lines that it appends to /result/lines
	 * @param take gets each line as it comes, and returns for how many ms the guest may be silent from then on; it may do
	 *   something with the guest
	 * @param patience ms until the first line
	 */
	async run(command: string, patience: number, take: (line: string, control: Control) => number): Promise<Booted> {
		const folder = this.directory.path;
		const result = join(folder, 'result');
		mkdirSync(result);
		writeFileSync(join(folder, 'disk'), '');
		truncateSync(join(folder, 'disk'), DISK_BYTES);
		const words: Record<string, string> = {
			disk: DISK_DEVICES[this.machine.disk],
			project: this.image.project,
			command,
		};
		const init = readFileSync(new URL('../guest/init.sh', import.meta.url), 'utf8').replaceAll(
			/@(disk|project|command)@/g,
			(_, word: string) => words[word] as string,
		);
		const modules = this.image.kernel.insmodOrder([...MODULES, ...DRIVERS[this.machine.disk].modules]);
		writeFileSync(join(folder, 'initramfs'), initramfs(init, this.image.busybox, modules));

		const { program } = PLATFORMS[this.machine.arch];
		const errors = createWriteStream(join(folder, 'errors'));
		const qemu = spawn(...leashed(program, ...options(this.machine, this.image, folder)), {
			stdio: ['ignore', 'pipe', 'pipe'],
		}) as ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream };
		for (const stream of [qemu.stdout, qemu.stderr]) stream.pipe(errors, { end: false });
		const ended = new Promise<void>((resolve) => {
			qemu.once('error', (error) => {
				errors.write(`${error.message}\n`);
				resolve();
			});
			qemu.once('exit', () => resolve());
		});
		let running = true;
		void ended.then(() => {
			running = false;
		});

		const control: Control = {
			stop(ms) {
				qemu.kill('SIGSTOP');
				void setTimeout(ms).then(() => qemu.kill('SIGCONT'));
			},
			monitor(command) {
				const socket = connect(join(folder, 'monitor'));
				socket.once('error', (error) => errors.write(`monitor: ${error.message}\n`));
				// its answer is read to the end, so that the command is done
				socket.on('data', (text) => errors.write(text));
				socket.write(`${command}\n`, () => void setTimeout(1000).then(() => socket.end()));
			},
		};
		let seen = 0;
		let silentUntil = performance.now() + patience;
		const pump = (): void => {
			const lines = wholeLines(join(result, 'lines'));
			for (const line of lines.slice(seen)) silentUntil = performance.now() + take(line, control);
			seen = lines.length;
		};
		const finished = (): boolean => existsSync(join(result, 'exit'));
		while (running && !finished() && performance.now() < silentUntil) {
			await setTimeout(100);
			pump();
		}
		const hung = running && !finished();
		qemu.kill('SIGKILL');
		await ended;
		pump();
		errors.end();
		const trouble = this.trouble(result, hung);
		const log =
			trouble === '' ? [] : [...tail(join(folder, 'console')), ...wholeLines(join(folder, 'errors')).slice(-5)];
		this.directory.remove();
		return { hung, trouble, console: log };
	}

	private trouble(result: string, hung: boolean): string {
		const code = existsSync(join(result, 'exit')) ? readFileSync(join(result, 'exit'), 'utf8').trim() : undefined;
		if (code === '0') return '';
		const output = existsSync(join(result, 'output')) ? readFileSync(join(result, 'output'), 'utf8').trim() : '';
		if (code !== undefined) return `the command in the guest ended with ${code}: ${output.slice(-2000)}`;
		if (!existsSync(join(result, 'booted'))) return `the guest did not boot${hung ? ' in time' : ''}`;
		return hung ? 'the guest reported nothing any more' : 'the guest stopped';
	}
}
