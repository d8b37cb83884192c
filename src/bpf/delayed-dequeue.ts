import type { Host } from '../core/tracer.ts';

/** Does a sleeping task stay on its queue for a while (since 6.12)? It may get a stamp there that is void (is_delayed() of bpf/lib/core.bpf.h). */
export function delaysDequeues({ addon }: Pick<Host, 'addon'>): boolean {
	return addon.hasMember('sched_entity', 'sched_delayed');
}
