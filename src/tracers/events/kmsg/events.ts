/** Events from the kernel's log. */
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { NOT_KNOWN, type Reasons } from '../reasons.ts';
import { bareRecord } from '../record.ts';
import type { EventRecord } from '../snapshot.ts';
import type { KernelMessage } from './parse.ts';
import { type Recognised, recognise } from './patterns.ts';
import { KernelLog } from './reader.ts';

/** Most records of one kind and reason per call: all are counted. */
const AT_ONCE = 20;

/** Facility of the kernel's own messages; programs cannot write it. */
const KERNEL = 0;

function whoOf({ comm, pid, object }: Recognised): SafeText {
	if (comm !== undefined) return pid === undefined ? comm : safe`${comm}[${pid}]`;
	return object ?? NOT_KNOWN;
}

/** One message as an event. */
function kernelEvent(
	{ mono_ns, text }: KernelMessage,
	found: Recognised,
	beforeStart: boolean,
	context: { reasons: Reasons; timeOf(mono_ns: Ns): string },
): EventRecord {
	const bare = bareRecord({ ...found, origin: 'kernel-log' }, mono_ns, context);
	return {
		...bare,
		before_start: beforeStart,
		severity: context.reasons.severityOf(found.kind, found.reason, found.severity),
		who: whoOf(found),
		pid: found.pid ?? 0,
		comm: found.comm ?? bare.comm,
		cgroup: found.groups?.task ?? bare.cgroup,
		text,
		figures: found.figures ?? {},
		...(found.groups && {
			oom: {
				trigger_pid: 0,
				trigger_comm: safe``,
				trigger_cgroup: safe``,
				constraint: found.groups.constraint,
				limit_cgroup: found.groups.limit,
				victim_cgroup: found.groups.task,
			},
		}),
	};
}

export class KernelEvents {
	private readonly log: KernelLog;
	private readonly hooks: ReadonlySet<string>;
	private readonly reasons: Reasons;

	/** @param hooks tracepoints in use: what they report is not reported twice */
	constructor(hooks: ReadonlySet<string>, reasons: Reasons, log = new KernelLog()) {
		this.reasons = reasons;
		this.log = log;
		this.hooks = hooks;
	}

	get state(): SafeText {
		return this.log.state;
	}

	get overwritten(): Count {
		return this.log.overwritten;
	}

	/**
	 * What has come since the last call; the newest of each kind and reason have all details. `double`: a tracepoint
	 * has reported it, the message may have more about it.
	 */
	read(timeOf: (mono_ns: Ns) => string): { record: EventRecord; recorded: boolean; double: boolean }[] {
		const left = new Map<string, number>();
		return [...this.events(timeOf)]
			.reverse()
			.map(({ record, double }) => {
				const id = `${record.kind}|${record.reason}`;
				const tokens = left.get(id) ?? AT_ONCE;
				left.set(id, tokens - 1);
				return { record, recorded: tokens > 0, double };
			})
			.reverse();
	}

	private *events(timeOf: (mono_ns: Ns) => string): Generator<{ record: EventRecord; double: boolean }> {
		for (const message of this.log.read()) {
			const before = !this.log.caughtUp;
			if (message.facility !== KERNEL) continue;
			const found = recognise(message.text);
			if (!found) continue;
			const double = found.hook !== undefined && this.hooks.has(found.hook) && !before;
			yield { record: kernelEvent(message, found, before, { reasons: this.reasons, timeOf }), double };
		}
	}

	close(): void {
		this.log.close();
	}
}
