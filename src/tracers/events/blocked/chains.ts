/** Chains of blocked tasks: which task waits for which, down to the root, which waits for none of them. Pure. */
import { formatNs } from '../../../lib/format.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { BlockedTask, WaitChain, WaitStep } from '../snapshot.ts';
import type { BlockedFile } from './files.ts';
import { type Wait, waitOf } from './waits.ts';

/** One task in uninterruptible sleep, as read. */
export interface Sleeper
	extends Pick<BlockedTask, 'pid' | 'tid' | 'start_time' | 'comm' | 'cgroup' | 'age_ns' | 'in_iowait'> {
	stack: readonly SafeText[];
	lock:
		| { type: 'mutex' | 'semaphore' | 'rwsem'; owner: { pid: number; tid: number; comm: SafeText } | undefined }
		| undefined;
	file: BlockedFile | undefined;
}

/** Longer chains are cut. */
const LONGEST = 8;
const MOST_PIDS = 64;

const step = (what: WaitStep['what'], name: SafeText, pid = 0, tid = 0): WaitStep => ({ what, name, pid, tid });

const taskStep = ({ comm, pid, tid }: Pick<Sleeper, 'comm' | 'pid' | 'tid'>): WaitStep =>
	step('task', safe`${comm}[${tid}]`, pid, tid);

/** `jbd2/vda1-8` → `vda1`: the journal's thread has its device in its name. */
function journalDevice(comm: string): string | undefined {
	return /^jbd2\/(.+)-\d+$/.exec(comm)?.[1];
}

/** The journal thread of a device: its name is cut at 15 bytes. */
function journalThread(device: string, sleepers: readonly Sleeper[]): Sleeper | undefined {
	if (device === '') return undefined;
	return sleepers.find(({ comm }) => {
		const own = comm.startsWith('jbd2/') ? comm.slice(5) : undefined;
		return own !== undefined && (own.startsWith(`${device}-`) || (comm.length >= 15 && device.startsWith(own)));
	});
}

function deviceOf({ file, comm }: Sleeper): SafeText {
	if (file && file.device !== '') return file.device;
	return (journalDevice(comm) ?? '') as SafeText;
}

/** Where a task that has no lock with an owner goes on. `next`: the task that it waits for. */
function byStack(
	sleeper: Sleeper,
	wait: Wait | undefined,
	sleepers: readonly Sleeper[],
): { steps: WaitStep[]; next?: Sleeper } {
	const device = deviceOf(sleeper);
	if (!wait) {
		if (sleeper.in_iowait) return { steps: [step('device', device === '' ? safe`a disk` : device)] };
		const inner = sleeper.stack[0];
		return { steps: [step('not-known', inner === undefined ? safe`not known` : safe`not known (in ${inner})`)] };
	}
	switch (wait.kind) {
		case 'journal': {
			const thread = journalThread(device, sleepers);
			if (thread && thread !== sleeper) return { steps: [taskStep(thread)], next: thread };
			return { steps: [step('device', device === '' ? safe`a journal` : safe`the journal of ${device}`)] };
		}
		case 'frozen':
			return {
				steps: [step('device', device === '' ? safe`a frozen file system` : safe`the frozen file system of ${device}`)],
			};
		case 'disk':
			return { steps: [step('device', device === '' ? safe`a disk` : device)] };
		case 'network-fs':
			return { steps: [step('device', device === '' ? wait.words : safe`the server of ${device}`)] };
		default:
			return { steps: [step('not-known', wait.words)] };
	}
}

function chainOf(first: Sleeper, sleepers: readonly Sleeper[], byTid: ReadonlyMap<number, Sleeper>): WaitStep[] {
	const steps: WaitStep[] = [];
	const seen = new Set<number>();
	for (let sleeper: Sleeper | undefined = first; sleeper && steps.length < LONGEST; ) {
		if (seen.has(sleeper.tid)) {
			steps.push(step('not-known', safe`itself: a deadlock`));
			break;
		}
		seen.add(sleeper.tid);
		const owner: NonNullable<Sleeper['lock']>['owner'] = sleeper.lock?.owner;
		if (sleeper.lock && owner && owner.tid !== sleeper.tid) {
			steps.push(
				step(
					'task',
					safe`${owner.comm}[${owner.tid}], which has the ${sleeper.lock.type as SafeText}`,
					owner.pid,
					owner.tid,
				),
			);
			sleeper = byTid.get(owner.tid);
			continue;
		}
		const { steps: more, next }: { steps: WaitStep[]; next?: Sleeper } = byStack(
			sleeper,
			waitOf(sleeper.stack),
			sleepers,
		);
		steps.push(...more);
		sleeper = next;
	}
	return steps;
}

export function blockedTasks(sleepers: readonly Sleeper[], least_ns: Ns): BlockedTask[] {
	const byTid = new Map(sleepers.map((sleeper) => [sleeper.tid, sleeper]));
	return sleepers
		.filter(({ age_ns }) => age_ns >= least_ns)
		.sort((a, b) => b.age_ns - a.age_ns)
		.map((sleeper) => ({
			pid: sleeper.pid,
			tid: sleeper.tid,
			start_time: sleeper.start_time,
			comm: sleeper.comm,
			cgroup: sleeper.cgroup,
			age_ns: sleeper.age_ns,
			in_iowait: sleeper.in_iowait,
			waits_in: waitOf(sleeper.stack)?.words ?? sleeper.stack[0] ?? safe`not known`,
			chain: chainOf(sleeper, sleepers, byTid),
			stack: sleeper.stack,
		}));
}

/** `37 tasks wait for jbd2/vda1-8[212], which waits for vda: 4.20s` */
function textOf(tasks: number, only: SafeText, steps: readonly WaitStep[], oldest_ns: Ns): SafeText {
	const who = tasks === 1 ? safe`${only} waits` : safe`${tasks} tasks wait`;
	const chain = steps.map(({ name }) => name).join(', which waits for ') as SafeText;
	return safe`${who} for ${chain}: ${formatNs(oldest_ns) as SafeText}`;
}

/** Chains, those with most tasks first. */
export function waitChains(tasks: readonly BlockedTask[]): WaitChain[] {
	const chains = new Map<string, BlockedTask[]>();
	for (const task of tasks) {
		const id = JSON.stringify(task.chain);
		const same = chains.get(id);
		if (same) same.push(task);
		else chains.set(id, [task]);
	}
	return [...chains.values()]
		.map((same) => {
			const [first] = same as [BlockedTask];
			const oldest_ns = Math.max(...same.map(({ age_ns }) => age_ns));
			const steps = first.chain;
			return {
				root: steps.at(-1) ?? step('not-known', safe`not known`),
				steps,
				tasks: same.length,
				pids: [...new Set(same.map(({ pid }) => pid))].slice(0, MOST_PIDS),
				oldest_ns,
				text: textOf(same.length, safe`${first.comm}[${first.tid}]`, steps, oldest_ns),
			};
		})
		.sort((a, b) => b.tasks - a.tasks || b.oldest_ns - a.oldest_ns);
}
