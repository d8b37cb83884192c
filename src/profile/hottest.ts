/** The answer of a profile in a line: the functions that take the time, and the locks that are waited for. Pure. */
import { type SafeText, safe } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import type { Profile, ProfileFrame, ProfileStack, State } from './model.ts';
import { isKernelEntry, isWaiting, SCHEDULER } from './reason.ts';

/** A function with most time of the processes of one name in one state. */
export interface Hottest {
	comm: SafeText;
	/** The process with most of it. */
	pid: number;
	function: SafeText;
	state: State;
	/** Functions that called it most often, the nearest first. */
	callers: SafeText[];
	ns: Ns;
	/** Of the time of that kind: running, or waiting. */
	share: number;
}

/** A lock, and the time for which threads waited for it. */
export interface HottestLock {
	/** `mutex in ext4_file_write_iter`, `futex in wanter`. */
	name: SafeText;
	comm: SafeText;
	pid: number;
	/** Threads that waited. */
	waiters: number;
	ns: Ns;
	/** Who held it; absent: not known. */
	owner?: SafeText;
}

const MOST = 12;
const CALLERS = 3;

/** Waits for locks: of the kernel, and of programs. */
const LOCKS: ReadonlySet<State> = new Set(['lock', 'futex']);

/**
 * Index of the frame that says most: of running code the innermost one, of a wait the function that wanted what is waited
 * for. -1: there is none.
 */
function culpritAt(frames: readonly ProfileFrame[], state: State): number {
	if (state === 'on-cpu') return frames.length - 1;
	const user = frames.findLastIndex(({ kind, name, module }) => kind === 'user' && !isWaiting(name, module));
	if (user >= 0 && !(frames[user] as ProfileFrame).name.startsWith('[')) return user;
	const named = frames.findLastIndex(
		({ kind, name, module }) =>
			(kind === 'user' || kind === 'jit') && !isWaiting(name, module) && !name.startsWith('['),
	);
	if (named >= 0) return named;
	return frames.findLastIndex(({ kind, name }) => kind === 'kernel' && !SCHEDULER.test(name) && !isKernelEntry(name));
}

interface Growing extends Hottest {
	byPid: Map<number, Ns>;
	byCallers: Map<string, { names: SafeText[]; ns: Ns }>;
}

function growing(found: Map<string, Growing>, key: string, fresh: Pick<Hottest, 'comm' | 'function' | 'state'>) {
	let one = found.get(key);
	if (!one) {
		one = { ...fresh, pid: 0, callers: [], ns: 0, share: 0, byPid: new Map(), byCallers: new Map() };
		found.set(key, one);
	}
	return one;
}

/** Key with the highest value. */
function most<Key>(values: ReadonlyMap<Key, number>): Key | undefined {
	return [...values].reduce<[Key, number] | undefined>(
		(best, one) => (best && best[1] >= one[1] ? best : one),
		undefined,
	)?.[0];
}

/** Most time first, at most {@link MOST} that run and as many that wait. Waits that say nothing (sleep, waits for a CPU) are left out. */
export function hottestOf({ frames, stacks }: Pick<Profile, 'frames' | 'stacks'>): Hottest[] {
	const found = new Map<string, Growing>();
	let running = 0;
	let waiting = 0;
	for (const stack of stacks) {
		const { state, ns, pid, comm } = stack;
		if (state === 'on-cpu') running += ns;
		else waiting += ns;
		if (state === 'sleep' || state === 'waits for a CPU' || state === 'short waits' || !(ns > 0)) continue;
		const own = stack.frames.flatMap((index) => frames[index] ?? []);
		const at = culpritAt(own, state);
		const culprit = own[at];
		if (!culprit || culprit.kind === 'label') continue;
		const names = own
			.slice(0, at)
			.reverse()
			.filter(({ name, kind }) => kind !== 'label' && !name.startsWith('[') && !isKernelEntry(name))
			.slice(0, CALLERS)
			.map(({ name }) => name);
		// functions without a name of one file are distinguished by their callers
		const below = culprit.name.startsWith('[') ? (names[0] ?? '') : '';
		const one = growing(found, `${comm} ${state} ${culprit.name} ${below}`, { comm, function: culprit.name, state });
		one.ns += ns;
		one.byPid.set(pid, (one.byPid.get(pid) ?? 0) + ns);
		const key = names.join('\n');
		const callers = one.byCallers.get(key) ?? { names, ns: 0 };
		callers.ns += ns;
		one.byCallers.set(key, callers);
	}
	const sorted = [...found.values()].sort((a, b) => b.ns - a.ns);
	const kept = new Set([
		...sorted.filter(({ state }) => state === 'on-cpu').slice(0, MOST),
		...sorted.filter(({ state }) => state !== 'on-cpu').slice(0, MOST),
	]);
	return sorted
		.filter((one) => kept.has(one))
		.map(({ byPid, byCallers, ...one }) => ({
			...one,
			pid: most(byPid) ?? 0,
			callers: [...byCallers.values()].sort((a, b) => b.ns - a.ns)[0]?.names ?? [],
			share: one.ns / Math.max(1, one.state === 'on-cpu' ? running : waiting),
		}));
}

/** Locks with most waiting first. */
export function hottestLocks({ frames, stacks }: Pick<Profile, 'frames' | 'stacks'>): HottestLock[] {
	const found = new Map<string, HottestLock & { threads: Set<number>; most: Ns }>();
	for (const stack of stacks) {
		if (!LOCKS.has(stack.state) || !(stack.ns > 0)) continue;
		const name = stack.lock ?? lockName(frames, stack);
		// a thread that waits for work waits on a futex, too
		if (name === undefined) continue;
		const { comm, pid, tid, ns, owner } = stack;
		const key = `${comm}\n${name}`;
		let one = found.get(key);
		if (!one) {
			one = { name, comm, pid, waiters: 0, ns: 0, threads: new Set(), most: 0 };
			found.set(key, one);
		}
		one.ns += ns;
		one.threads.add(tid);
		if (ns > one.most) {
			one.most = ns;
			one.pid = pid;
			if (owner !== undefined) one.owner = owner;
		}
	}
	return [...found.values()]
		.sort((a, b) => b.ns - a.ns)
		.slice(0, MOST)
		.map(({ threads, most: _, ...one }) => ({ ...one, waiters: threads.size }));
}

/** Waits on a condition: for work, not for a lock. */
const CONDITION =
	/^(pthread_cond_|__pthread_cond_|___pthread_cond_|uv_cond_|uv_sem_|sem_|__new_sem_|do_futex_wait|std::.*condition|g_cond_|QWaitCondition|runtime\.(notesleep|notetsleep|stopm|mPark|gopark))/;

/** `futex in f`, `lock in f`; undefined: it is not known to be a lock. */
function lockName(frames: readonly ProfileFrame[], { state, frames: indices }: ProfileStack): SafeText | undefined {
	const own = indices.flatMap((index) => frames[index] ?? []);
	const culprit = own[culpritAt(own, state)];
	if (!culprit || culprit.kind === 'label') return undefined;
	if (state === 'futex' && (culprit.kind === 'kernel' || own.some(({ name }) => CONDITION.test(name))))
		return undefined;
	return state === 'futex' ? safe`futex in ${culprit.name}` : safe`lock in ${culprit.name}`;
}
