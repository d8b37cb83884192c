/** Filters in the kernel, set from a row: they limit what is measured. */

import type { Options } from '../../../core/tracer.ts';
import type { IoExtra } from '../../../tracers/io/snapshot.ts';

const everything: Options = { pid: 0, tid: 0, comm: '', cgroup: '', device: '', file: '', directory: '' };

/** Measure only that, or, with a filter in use, everything again. Empty: the row has nothing to filter by. */
export function narrowTo(only: Options | undefined, { filter }: Pick<IoExtra, 'filter'>): Options {
	return filter === '' ? (only ?? {}) : everything;
}

/** Measure only the process that a request belongs to; its disk where the process is unknown. */
export function narrowToOwner(
	request: { pid: number; device: string } | undefined,
	snapshot: Pick<IoExtra, 'filter'>,
): Options {
	return narrowTo(request && (request.pid > 0 ? { pid: request.pid } : { device: request.device }), snapshot);
}
