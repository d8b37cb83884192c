/** Names of processes, remembered when they have ended. */
import { join } from 'node:path';
import { readBytes } from '../../lib/read-file.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';

const MAX_NAMES = 16_384;

export class ProcessNames {
	private readonly procRoot: string;
	private readonly names = new Map<number, SafeText>();

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** undefined: it had ended when it was first asked for. */
	of(pid: number): SafeText | undefined {
		const known = this.names.get(pid);
		if (known !== undefined) return known;
		try {
			const bytes = readBytes(join(this.procRoot, String(pid), 'comm'));
			const name = sanitize(bytes.subarray(0, Math.max(0, bytes.length - 1)));
			if (this.names.size < MAX_NAMES) this.names.set(pid, name);
			return name;
		} catch {
			return undefined;
		}
	}
}
