/** Names of block devices by the kernel's device number. */
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readKept } from '../lib/kept-files.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** `dev_t` inside the kernel, other than that of stat(2): 12 bits of major above 20 bits of minor. */
export function splitDev(dev: number): { major: number; minor: number } {
	return { major: dev >>> 20, minor: dev & 0xfffff };
}

/** `254:0` */
export function devText(dev: number): SafeText {
	const { major, minor } = splitDev(dev);
	return safe`${major}:${minor}`;
}

interface Answers {
	names: Map<number, SafeText>;
	gone: Map<number, boolean>;
	stacked: Map<number, boolean>;
}

function kept<T>(answers: Map<number, T> | undefined, dev: number, read: () => T): T {
	let answer = answers?.get(dev);
	if (answer === undefined) {
		answer = read();
		answers?.set(dev, answer);
	}
	return answer;
}

/** Reads names from sysfs, and remembers them for devices that are removed. */
export class BlockDevices {
	private readonly sysRoot: string;
	private readonly known = new Map<number, SafeText>();
	private readonly stacked = new Set<number>();
	/** Answers since the last change of any device; undefined: they are not kept. */
	private answers: Answers | undefined;
	/** Number of the kernel's last device event when `answers` began. */
	private event = '';

	constructor(sysRoot: string) {
		this.sysRoot = sysRoot;
	}

	/**
	 * Answers of this class are kept from now on while no device comes, goes or changes. Call it before each use: it reads the
	 * number of the kernel's last device event. Without it, or where the kernel has no such number, sysfs is read at every call.
	 */
	begin(): void {
		let event = '';
		try {
			event = readKept(join(this.sysRoot, 'kernel/uevent_seqnum'));
		} catch {
			// a kernel without hotplug
		}
		if (event !== '' && event === this.event) return;
		this.event = event;
		this.answers = event === '' ? undefined : { names: new Map(), gone: new Map(), stacked: new Map() };
	}

	/**
	 * The kernel's name (`vda`, `cciss/c0d0`), as it is now, since numbers are reused when a device is unplugged. The
	 * last known name where there is none now, else `major:minor`. 0 is a request to no disk: `none`.
	 */
	name(dev: number): SafeText {
		return kept(this.answers?.names, dev, () => this.readName(dev));
	}

	private readName(dev: number): SafeText {
		if (dev === 0) return safe`none`;
		try {
			// the kernel writes a slash in a device's name as `!`, since sysfs cannot hold it
			const name = sanitize(basename(readlinkSync(join(this.sysRoot, 'dev/block', devText(dev)))).replaceAll('!', '/'));
			this.known.set(dev, name);
			return name;
		} catch {
			return this.known.get(dev) ?? devText(dev);
		}
	}

	/** Was the device seen before, and is it gone? */
	isGone(dev: number): boolean {
		return (
			this.known.has(dev) &&
			kept(this.answers?.gone, dev, () => !existsSync(join(this.sysRoot, 'dev/block', devText(dev))))
		);
	}

	/**
	 * Does the device hand on what it gets to other devices (dm, md) or to a file (loop)? Then it counts again there. zram,
	 * brd and pmem keep it. Of a device that has gone, as last known.
	 */
	isStacked(dev: number): boolean {
		return kept(this.answers?.stacked, dev, () => this.readStacked(dev));
	}

	private readStacked(dev: number): boolean {
		const directory = join(this.sysRoot, 'dev/block', devText(dev));
		try {
			if (existsSync(join(directory, 'loop/backing_file')) || readdirSync(join(directory, 'slaves')).length > 0)
				this.stacked.add(dev);
			else this.stacked.delete(dev);
		} catch {
			// gone
		}
		return this.stacked.has(dev);
	}

	/** The kernel's number of a device by its name (`vda2`) or path (`/dev/vda2`); undefined: there is none. */
	numberOf(name: string): number | undefined {
		try {
			const path = name.startsWith('/') ? realpathSync(name) : name;
			const short = path.replace(/^\/dev\//, '').replaceAll('/', '!');
			const [major, minor] = readFileSync(join(this.sysRoot, 'class/block', short, 'dev'), 'utf8')
				.split(':')
				.map(Number);
			return (((major as number) << 20) | (minor as number)) >>> 0;
		} catch {
			return undefined;
		}
	}

	/** Disk and extent of a partition, in sectors of 512 bytes; undefined: not a partition. */
	partitionOf(dev: number): { disk: number; sector: number; sectors: number } | undefined {
		try {
			const folder = realpathSync(join(this.sysRoot, 'dev/block', devText(dev)));
			const [sector, sectors] = ['start', 'size'].map((name) => Number(readFileSync(join(folder, name), 'utf8')));
			const disk = this.numberOf(basename(dirname(folder)));
			// only partitions have a start
			return disk === undefined ? undefined : { disk, sector: sector as number, sectors: sectors as number };
		} catch {
			return undefined;
		}
	}

	/** Hardware queues: each has at most one flush of the device's cache in flight. */
	hardwareQueues(dev: number): number {
		try {
			return Math.max(1, readdirSync(join(this.sysRoot, 'dev/block', devText(dev), 'mq')).length);
		} catch {
			return 1;
		}
	}

	/**
	 * Requests that the device has not completed, as far as the kernel's accounting covers them (no flushes, no commands
	 * from user space). 0 for a device that is gone; undefined where the kernel does not count them.
	 */
	inFlight(dev: number): number | undefined {
		const directory = join(this.sysRoot, 'dev/block', devText(dev));
		try {
			if (readFileSync(join(directory, 'queue/iostats'), 'utf8').trim() === '0') return undefined;
			const [reads, writes] = readFileSync(join(directory, 'inflight'), 'utf8').trim().split(/\s+/).map(Number);
			return (reads as number) + (writes as number);
		} catch {
			return existsSync(directory) ? undefined : 0;
		}
	}
}
