/** What the kernel's log says of an OOM kill beside the tracepoint: the control groups. */
import { safe } from '../../lib/sanitize.ts';
import type { EventRecord } from './snapshot.ts';

/** Kills whose tracepoint was not seen yet, or never. */
const MOST = 64;

export class OomDetails {
	private readonly details = new Map<number, NonNullable<EventRecord['oom']>>();

	/** Keep what a message of the log has. */
	add({ kind, pid, oom }: EventRecord): void {
		if (kind === 'oom' && oom) this.details.set(pid, oom);
		if (this.details.size > MOST) this.details.delete(this.details.keys().next().value as number);
	}

	/** Put it into the records of those kills. */
	join(records: readonly EventRecord[]): void {
		for (const record of records) {
			if (record.kind !== 'oom' || !record.oom) continue;
			const details = this.details.get(record.pid);
			if (!details) continue;
			const { constraint, limit_cgroup, victim_cgroup } = details;
			Object.assign(record.oom, { constraint, limit_cgroup, victim_cgroup });
			if (record.cgroup === '' || record.cgroup === '/') record.cgroup = victim_cgroup;
			if (limit_cgroup !== '') record.text = safe`${record.text}; the limit is that of ${limit_cgroup}`;
		}
	}
}
