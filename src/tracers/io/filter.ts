/** The filter of measured requests: from options to the words that bpf/io/filter.bpf.h compares. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { filterOf, filterSettings } from '../../bpf/task-filter.ts';
import { WrongValue } from '../../core/errors.ts';
import type { BpfAddon, BpfObject } from '../../core/native.ts';
import type { Host, Options } from '../../core/tracer.ts';
import { io_setting, io_want } from '../../generated/io.ts';
import type { Ns } from '../../lib/units.ts';
import type { BlockDevices } from '../../system/block-devices.ts';
import { type FileId, fileId } from './file-id.ts';

/** Names of the filter options. */
export const FILTER_OPTIONS = ['pid', 'tid', 'comm', 'cgroup', 'device', 'file', 'directory'] as const;

export interface IoFilter {
	/** Bits of `task_filter` and `io_want`. */
	want: number;
	/** Index in the settings → value. */
	words: ReadonlyMap<number, bigint>;
}

function fileWords({ inode, dev, subvolume }: FileId): [number, bigint][] {
	return [
		[io_setting.IO_INODE, inode],
		[io_setting.IO_INODE_DEV, dev],
		[io_setting.IO_SUBVOLUME, subvolume],
	];
}

/** @throws {WrongValue} for a control group, device or file that does not exist @throws {Unavailable} for a file whose requests cannot be distinguished */
export function ioFilter(
	options: Options,
	devices: BlockDevices,
	{ addon, procRoot, sysRoot }: Pick<Host, 'procRoot' | 'sysRoot'> & { addon: Pick<BpfAddon, 'hasType'> },
): IoFilter {
	const knowsSubvolumes = (): boolean =>
		addon.hasType('struct', 'btrfs_inode') || existsSync(join(sysRoot, 'kernel/btf/btrfs'));
	const wordsOf = (path: string, isDirectory: boolean) =>
		fileWords(fileId(path, isDirectory, { procRoot, knowsSubvolumes }));
	const { on, values } = filterSettings(filterOf(options, procRoot));
	const words = new Map(values);
	let want = on;
	const set = (bit: number, ...pairs: [number, bigint][]): void => {
		want |= 1 << bit;
		for (const [word, value] of pairs) words.set(word, value);
	};
	const { tid, device, file, directory } = options;
	if (typeof tid === 'number' && tid > 0) set(io_want.WANT_TID, [io_setting.IO_TID, BigInt(tid)]);
	if (typeof device === 'string' && device !== '') {
		const number = devices.numberOf(device);
		if (number === undefined)
			throw new WrongValue(`there is no block device '${device}'`, 'name it as in /sys/class/block, e.g. vda or vda2');
		const { disk, sector, sectors } = devices.partitionOf(number) ?? { disk: number, sector: 0, sectors: 0 };
		set(
			io_want.WANT_DEVICE,
			[io_setting.IO_DEVICE, BigInt(number)],
			[io_setting.IO_DISK, BigInt(disk)],
			[io_setting.IO_SECTOR, BigInt(sector)],
			[io_setting.IO_SECTORS, BigInt(sectors)],
		);
	}
	if (typeof file === 'string' && file !== '') set(io_want.WANT_FILE, ...wordsOf(file, false));
	else if (typeof directory === 'string' && directory !== '') {
		set(io_want.WANT_DIRECTORY, ...wordsOf(directory, true));
	}
	return { want, words };
}

/** The filter as text for the screen; empty: no filter. */
export function ioFilterText(options: Options): string {
	return FILTER_OPTIONS.filter((name) => options[name])
		.map((name) => `${name} ${options[name]}`)
		.join(', ');
}

/** Writes values before the word that enables them, so that a bio queued meanwhile meets old words or new ones. */
export function writeSettings(object: BpfObject, filter: IoFilter, slow: Ns): void {
	const key = new Uint8Array(4);
	const words = new BigUint64Array(io_setting.IO_SETTINGS);
	const bytes = new Uint8Array(words.buffer);
	object.lookup('.data.settings', key, bytes);
	words[io_setting.IO_SLOW] = BigInt(slow);
	for (const [word, value] of filter.words) words[word] = value;
	object.update('.data.settings', key, bytes);
	words[io_setting.IO_WANT] = BigInt(filter.want);
	object.update('.data.settings', key, bytes);
}
