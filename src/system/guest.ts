/** Whether this machine is a guest of a hypervisor, as far as its CPUs say so. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** x86 has a flag for it; other architectures have none. */
export function isGuest(procRoot: string): boolean {
	try {
		return /^flags\s*:.*\bhypervisor\b/m.test(readFileSync(join(procRoot, 'cpuinfo'), 'latin1'));
	} catch {
		return false;
	}
}
