/** Divides the energy of disks and network among processes, by the bytes that each of them moved. */
import type { Bytes, MicroJoules } from '../../../lib/units.ts';
import type { ProcessInfo } from '../cpu/cpu-use.ts';
import { apportion } from '../power/attribution.ts';
import type { Moved } from './moved.ts';

/** What a part's energy is divided by. */
export type Divisor = 'read' | 'written' | 'network' | 'disk';

const bytesOf: Record<Divisor, (moved: Moved) => Bytes> = {
	read: ({ read }) => read,
	written: ({ written }) => written,
	network: ({ network }) => network,
	disk: ({ read, written }) => read + written,
};

/**
 * One part. What devices moved beyond the known processes (ended ones, the kernel's own) stays with none of them; so does all
 * of it where nothing was moved. The sum over processes is at most `energy`, exactly.
 * @param device bytes that the hardware moved
 * @param add takes each process's part
 * @returns the energy that was divided
 */
export function divide(
	energy: MicroJoules,
	by: Divisor,
	processes: ReadonlyMap<ProcessInfo, Moved>,
	device: Moved,
	add: (process: ProcessInfo, energy_uj: MicroJoules) => void,
): MicroJoules {
	const bytes = bytesOf[by];
	const movers = [...processes].filter(([, moved]) => bytes(moved) > 0);
	const known = movers.reduce((sum, [, moved]) => sum + bytes(moved), 0);
	if (known <= 0 || energy <= 0) return 0;
	const rest = Math.max(0, bytes(device) - known);
	const parts = apportion(energy, [...movers.map(([, moved]) => bytes(moved)), rest]);
	let divided = 0;
	for (const [index, [process]] of movers.entries()) {
		const part = parts[index] ?? 0;
		divided += part;
		add(process, part);
	}
	return divided;
}
