/** The CPUs that the running kernel may ever have: the length of per-CPU values. */
import { Unavailable } from '../core/errors.ts';
import type { BpfAddon } from '../core/native.ts';

/** @throws {Unavailable} where sysfs does not list them, as below a file system that is mounted over it */
export function possibleCpusOf(addon: Pick<BpfAddon, 'possibleCpus'>): number {
	try {
		return addon.possibleCpus();
	} catch (error) {
		throw new Unavailable(
			'the number of possible CPUs is not known: /sys/devices/system/cpu/possible cannot be read',
			'mount sysfs: mount -t sysfs sysfs /sys',
			error,
		);
	}
}
