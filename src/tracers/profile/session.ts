/** The profile of the process or group in focus, as rows: one for each stack. It begins anew when the focus changes. */
import type { Source } from '../../core/snapshot.ts';
import type { BpfCost, Host, Options, Reading, Session } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import { hottestLocks, hottestOf } from '../../profile/hottest.ts';
import type { Profile, ProfileMode, ProfileStack } from '../../profile/model.ts';
import { limitOf, takingOptions } from './settings.ts';
import type { ProfileExtra, ProfileRow } from './snapshot.ts';
import { Taking } from './taking.ts';

/** ns for which stacks are copied: that costs more than counting them. */
const UNWIND_FOR: Ns = 10e9;
/** Stacks that become rows; the others are summed up. */
const MOST_ROWS = 1500;

const marks = { kernel: '_[k]', jit: '_[j]', user: '', label: '' } as const;

const descriptions: Readonly<Record<ProfileMode, string>> = {
	'on-cpu': 'stacks of running code, sampled by the software clock of each CPU',
	'off-cpu': 'waits of threads with their stacks, measured at context switches',
	wall: 'running code (sampled) and waits (measured): together the time of the threads',
	locks: 'waits for locks of the kernel, from contention to acquisition, and of programs (futexes)',
};

const uncertainties: Readonly<Record<ProfileMode, string>> = {
	'on-cpu': 'sampled: a share p of n samples is within ±2·√(p(1−p)/n)',
	'off-cpu': 'waits exact; their reason follows from kernel functions on the stack',
	wall: 'running code is sampled; waits exact',
	locks: 'exact; the owner is the one at the begin of the wait',
};

export class ProfileSession implements Session<ProfileRow, ProfileExtra> {
	private readonly host: Host;
	private options: Options;
	private taking: Taking;
	/** By row: figures of the last read. */
	private before = new Map<string, { count: number; ns: Ns }>();

	/** @throws {Unavailable} */
	constructor(host: Host, options: Options) {
		this.host = host;
		this.options = options;
		this.taking = this.begin();
	}

	read(_dt: Ns, group: string): Reading<ProfileRow, ProfileExtra> {
		const profile = this.taking.profile();
		const { mode, lost, seconds, target, hz, quality, symbol_bytes, unwound, late_symbols, target_ended } = profile;
		const { rows, rare } = this.rowsOf(profile, group === 'thread');
		const source: Source = {
			kind: mode === 'on-cpu' ? 'clock' : mode === 'wall' ? 'clock + switches' : 'tracepoint',
			description: descriptions[mode],
			uncertainty: uncertainties[mode],
			hooks: this.taking.hooks,
			missing: this.taking.missing,
		};
		return {
			rows,
			extra: {
				mode,
				profile_seconds: seconds,
				target,
				hz,
				quality,
				rare,
				symbol_bytes,
				unwound,
				late_symbols,
				target_ended,
				complete: this.taking.complete,
				hottest: hottestOf(profile),
				hottest_locks: hottestLocks(profile),
			},
			source,
			lost: { ...lost },
		};
	}

	drain(): void {
		this.taking.drain();
		const limit = limitOf(this.options) * 1e9 || (this.options['unwind'] === true ? UNWIND_FOR : Infinity);
		// a process that has ended gets no more samples; those that it has stay
		if (this.taking.elapsed >= limit || this.taking.targetEnded) this.taking.stop();
	}

	/** Another target or mode begins another profile; the same ones leave it as it is. */
	tune(changes: Options): void {
		const next = { ...this.options, ...changes };
		if (Object.keys(changes).every((key) => this.options[key] === changes[key])) return;
		this.options = next;
		this.taking.close();
		this.before.clear();
		this.taking = this.begin();
	}

	cost(fresh?: boolean): BpfCost {
		return this.taking.cost(fresh);
	}

	close(): void {
		this.taking.close();
	}

	private begin(): Taking {
		return new Taking(
			this.host,
			takingOptions(this.options, this.host.procRoot, (id) => `#${id}`),
		);
	}

	private rowsOf({ stacks, frames }: Profile, byThread: boolean): { rows: ProfileRow[]; rare: ProfileExtra['rare'] } {
		const names = frames.map(({ name, kind }) => (marks[kind] === '' ? name : sanitize(`${name}${marks[kind]}`)));
		const merged = new Map<string, ProfileStack & { key: string }>();
		for (const stack of stacks) {
			const tid = byThread ? stack.tid : 0;
			const key = `${stack.pid} ${tid} ${stack.state} ${stack.lock ?? ''} ${stack.owner ?? ''} ${stack.frames.join(',')}`;
			const known = merged.get(key);
			if (known) {
				known.count += stack.count;
				known.ns += stack.ns;
			} else merged.set(key, { ...stack, tid, thread: byThread ? stack.thread : safe``, key });
		}
		const sorted = [...merged.values()].sort((a, b) => b.ns - a.ns);
		const after = new Map<string, { count: number; ns: Ns }>();
		const rows = sorted.slice(0, MOST_ROWS).map((stack): ProfileRow => {
			const last = this.before.get(stack.key) ?? { count: 0, ns: 0 };
			after.set(stack.key, { count: stack.count, ns: stack.ns });
			const own = stack.frames.map((index) => names[index] as SafeText);
			return {
				pid: stack.pid,
				tid: stack.tid,
				start_time: 0,
				comm: stack.comm,
				thread: stack.thread,
				state: stack.state,
				function: own.at(-1) ?? safe``,
				frames: own,
				count: Math.max(0, stack.count - last.count),
				count_total: stack.count,
				time_ns: Math.max(0, stack.ns - last.ns),
				time_ns_total: stack.ns,
				...(stack.lock !== undefined && { lock: stack.lock }),
				...(stack.owner !== undefined && { owner: stack.owner }),
				...(stack.owner_stack !== undefined && { owner_stack: stack.owner_stack }),
			};
		});
		this.before = after;
		const others = sorted.slice(MOST_ROWS);
		return { rows, rare: { stacks: others.length, ns: others.reduce((sum, { ns }) => sum + ns, 0) } };
	}
}
