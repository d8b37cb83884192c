/** The kernel's own configuration, where it or the distribution publishes it. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Ns } from '../lib/units.ts';

/** The largest configuration that is read: those of distributions have 0.3 MB. */
const MOST_BYTES = 4 << 20;

function configText(procRoot: string, bootFolder: string): string | undefined {
	try {
		// loaded where it is needed: the drawing thread starts without it
		const { gunzipSync } = process.getBuiltinModule('node:zlib');
		return gunzipSync(readFileSync(join(procRoot, 'config.gz')), { maxOutputLength: MOST_BYTES }).toString('latin1');
	} catch {
		// CONFIG_IKCONFIG_PROC is off
	}
	try {
		return readFileSync(join(bootFolder, `config-${release()}`), 'latin1');
	} catch {
		return undefined;
	}
}

/** Length of a tick (CONFIG_HZ); undefined: not published. */
export function tickLength(procRoot: string, bootFolder = '/boot'): Ns | undefined {
	const hz = /^CONFIG_HZ=(\d{2,4})$/m.exec(configText(procRoot, bootFolder) ?? '')?.[1];
	return hz === undefined ? undefined : Math.round(1e9 / Number(hz));
}
