/** What is measured at all: filters in the kernel, set from a row. */

import type { Options } from '../../../core/tracer.ts';
import type { IoExtra } from '../../../tracers/io/snapshot.ts';

const everything: Options = { pid: 0, tid: 0, comm: '', cgroup: '', device: '', file: '', directory: '' };

/** Only that, or everything again where something is left out already. Empty: there is nothing to go by. */
export function narrowTo(only: Options | undefined, { filter }: Pick<IoExtra, 'filter'>): Options {
	return filter === '' ? (only ?? {}) : everything;
}

/** Only the process that a request belongs to; its disk where that is not known. */
export function narrowToOwner(
	request: { pid: number; device: string } | undefined,
	snapshot: Pick<IoExtra, 'filter'>,
): Options {
	return narrowTo(request && (request.pid > 0 ? { pid: request.pid } : { device: request.device }), snapshot);
}
