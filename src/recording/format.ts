/**
 * A recording: gzip of JSON lines. The first line says what it is ({@link About}), each further one is a snapshot as
 * `--batch --json` writes it, all tabs in the order of time. Limits hold for reading, also for files of other writers.
 */
import type { SafeText } from '../lib/sanitize.ts';
import type { Count } from '../lib/units.ts';

/** Grows when older programs could not make sense of a recording. */
export const RECORDING = 1;

export interface About {
	/** {@link RECORDING} */
	recording: number;
	host: SafeText;
	kernel: SafeText;
	cpus: Count;
	/** ISO 8601. */
	written: SafeText;
}

/** Characters of a line: 10,000 processes with their distributions take about 10 million. */
export const MAX_LINE = 64 * 2 ** 20;
/** Snapshots of all tabs together. */
export const MAX_SNAPSHOTS = 10_000;
/** Unpacked bytes of the whole: a small file may be made to unpack without end. */
export const MAX_BYTES = 2 ** 30;
