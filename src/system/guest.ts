/** Whether this machine is a guest of a hypervisor, by a flag of its CPUs. */

import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';

/** x86 has a flag for it; other architectures have none. */
export function isGuest(procRoot: string): boolean {
	try {
		return /^flags\s*:.*\bhypervisor\b/m.test(readLatin1(join(procRoot, 'cpuinfo')));
	} catch {
		return false;
	}
}
