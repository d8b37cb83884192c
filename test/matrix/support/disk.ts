/** Requests to one disk that only the check uses, by the kernel's count and by ours. */
import { readFileSync } from 'node:fs';
import type { Options } from '../../../src/core/tracer.ts';
import { io } from '../../../src/tracers/io/tracer.ts';
import { kernelRequests, ourRequests } from '../../truth/io-counters.ts';
import type { Guest } from '../check.ts';
import { losses } from './agree.ts';

export const GROUPS = ['reads', 'writes', 'discards', 'flushes'] as const;

export interface Compared {
	/** `reads`, `writes bytes`, … → the kernel's count and ours. */
	counts: Map<string, { kernel: number; ours: number }>;
	/** Lost and reported, with the runs that the kernel skipped. */
	named: number;
	/** The same by cause. */
	lost: Record<string, number>;
}

/** `major:minor` of a block device. */
export function numberOf(device: string): string {
	return readFileSync(`/sys/class/block/${device.replace('/dev/', '')}/dev`, 'utf8').trim();
}

/**
 * Measure while `use` runs.
 * @param devices `/dev/vda`; what each has had is compared
 */
export async function compareRequests(
	guest: Guest,
	devices: readonly string[],
	use: () => Promise<unknown>,
	options: Options = {},
): Promise<Map<string, Compared>> {
	const session = guest.measure(io, { slow: 1000, ...options }, 'operation');
	session.read();
	const before = kernelRequests();
	await use();
	// the waiter of a request is woken before the kernel counts it
	await guest.seconds(0.5);
	const after = kernelRequests();
	const reading = session.read();
	const ours = ourRequests(reading);
	const lost = { ...losses(reading.lost), ...losses({ skipped: session.skipped() }) };
	const named = Object.values(lost).reduce((sum, count) => sum + count, 0);
	return new Map(
		devices.map((device) => {
			const dev = numberOf(device);
			const keys = GROUPS.flatMap((group) => (group === 'flushes' ? [group] : [group, `${group} bytes`]));
			const counts = keys.map((key) => {
				const name = `${dev} ${key}`;
				return [key, { kernel: (after.get(name) ?? 0) - (before.get(name) ?? 0), ours: ours.get(name) ?? 0 }] as const;
			});
			return [device, { counts: new Map(counts), named, lost }];
		}),
	);
}

/** null_blk of 5.10 takes no discards, whatever its parameters say. */
function takesDiscards(device: string): boolean {
	const limit = readFileSync(`/sys/class/block/${device.replace('/dev/', '')}/queue/discard_max_bytes`, 'utf8');
	return Number(limit) > 0;
}

/** Every kind of request, on each CPU that is named. */
export async function everyRequest(guest: Guest, device: string, cpus: readonly number[]): Promise<void> {
	const discards = takesDiscards(device);
	for (const cpu of cpus) {
		const script = [
			`dd if=${device} of=/dev/null bs=16k count=16 iflag=direct status=none`,
			`dd if=/dev/zero of=${device} seek=16 bs=16k count=16 oflag=direct status=none`,
			`dd if=/dev/zero of=${device} seek=8192 bs=4k count=4 oflag=direct,dsync status=none`,
			`dd if=/dev/zero of=${device} bs=64k seek=${600 + cpu * 40} count=8 conv=fsync status=none`,
			`dd if=${device} of=/dev/null bs=64k skip=${1200 + cpu * 40} count=16 status=none`,
			...(discards ? [`blkdiscard -o 268435456 -l 1048576 ${device}`] : []),
		];
		await guest.run('taskset', '-c', cpu, 'sh', '-ec', script.join('\n'));
	}
}
