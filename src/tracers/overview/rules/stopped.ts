import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Owner } from '../finding.ts';
import { count, duration, perSecond } from '../format.ts';
import { equals } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import type { SleepReason } from '../tasks/reasons.ts';
import { type Party, STILL, type Standstill, type Still } from '../tasks/standstill/standstill.ts';
import { WAITING_TITLE } from '../tasks/standstill/titles.ts';

const limits = { asleep_ns: STILL };

/** The wait in words, most of them to follow `asleep`. */
const WAITS: Readonly<Record<SleepReason, SafeText>> = {
	futex: safe`in a futex wait (a lock or condition)`,
	semaphore: safe`in a semaphore wait`,
	'file lock': safe`in a wait for a file lock`,
	pipe: safe`in a wait for a pipe`,
	socket: safe`in a wait for a socket`,
	poll: safe`in a wait for events`,
	IO: safe`in a wait for IO`,
	memory: safe`in a page fault or reclaim`,
	child: safe`in a wait for a child`,
	timer: safe`in a timer`,
	signal: safe`in a wait for a signal`,
	event: safe`in a wait for an event`,
	terminal: safe`in a wait for a terminal`,
	stopped: safe`stopped by a signal (SIGSTOP) or a debugger`,
	quota: safe`out of CPU quota`,
	'kernel lock': safe`in a wait for a lock of the kernel`,
	other: safe`in the kernel`,
};

/** One that is stopped or out of quota does not sleep. */
const asleep = (reason: SleepReason): SafeText =>
	reason === 'stopped' || reason === 'quota' ? WAITS[reason] : safe`asleep ${WAITS[reason]}`;

const shortTitle = (title: SafeText): SafeText =>
	title.length > 60 ? safe`${title.slice(0, 59) as SafeText}…` : title;

/** `postgres[1120]` or the thread of a process. */
function nameOf({ comm, pid, tid }: Party): SafeText {
	return tid > 0 ? safe`its own thread ${comm}[${tid}]` : safe`${comm}[${pid}]`;
}

/** What the one in front does itself. */
function doing({ reason, client, asleep_ns }: Party): SafeText {
	if (client) return safe`, which waits for its client ${client.comm}[${client.pid}]`;
	if (reason === null) return safe`, which runs`;
	return safe`, ${asleep(reason)} for ${duration(asleep_ns)}`;
}

function behindText({ still: [first], behind, others }: Standstill): SafeText {
	if (behind) {
		const title = behind.tid === 0 && behind.title !== '' ? safe` “${shortTitle(behind.title)}”` : safe``;
		const more = others > 0 ? safe` or one of ${count(others)} like it` : safe``;
		return safe`; behind ${nameOf(behind)}${title}${more}${doing(behind)}`;
	}
	if (first.address !== '') return safe`; behind ${first.address as SafeText} on another machine`;
	if (first.note !== '') return safe`; ${first.note}`;
	return first.forEvent ? safe`; for a signal or event of another process` : safe``;
}

function clientsText(stills: readonly Still[]): SafeText {
	const local = new Map(stills.flatMap(({ clients }) => clients.map((client) => [client.pid, client] as const)));
	const remote = stills.reduce((sum, one) => sum + one.remote.length, 0);
	const [first] = local.values();
	const parts = [
		...(first
			? [local.size === 1 ? safe`${first.comm}[${first.pid}]` : safe`${first.comm} and ${count(local.size - 1)} more`]
			: []),
		...(remote > 0 ? [safe`${count(remote)} ${remote === 1 ? safe`client` : safe`clients`} on other machines`] : []),
	];
	return parts.length === 0
		? safe``
		: safe`; ${parts.join(' and ') as SafeText} ${local.size + remote === 1 ? safe`waits` : safe`wait`} for ${stills.length === 1 ? safe`it` : safe`them`}`;
}

function ownerOf({ behind, others }: Standstill): Owner | null {
	if (!behind || behind.tid > 0) return null;
	return {
		role: safe`behind`,
		pid: behind.pid,
		start_time: behind.start_time,
		comm: behind.comm,
		processes: others > 0 ? others + 1 : 1,
	};
}

/** Independent facts, of which a finding of this level needs two. */
function witnesses({ still: [first, ...rest], behind }: Standstill): SafeText[] {
	const titled = [first, ...rest].filter(({ title }) => WAITING_TITLE.test(title)).length;
	return [
		safe`the task iterator: no thread has worked for ${duration(first.asleep_ns)}, state ${first.state as SafeText}${first.wchan === '' ? safe`` : safe` in ${first.wchan}`}`,
		safe`open files: a client is connected, and no thread waits for its data`,
		...(titled > 0 ? [safe`${count(titled)} of their titles say “waiting”`] : []),
		...(behind ? behind.by.map((fact) => safe`${nameOf(behind)}: ${fact}`) : []),
	];
}

/** Processes that stand still within a request of a client. */
export const stopped = {
	id: 'stopped',
	level: 'severe',
	title: 'stopped',
	help: `A process that worked before has not run for ${duration(limits.asleep_ns)} or longer, although it is in the middle of a request: a client is connected to it, and none of its threads waits for the client's data, nor for time to pass. The text names the wait, who is in front of it, and the clients. Owner: the process in front of it, by a file lock, a mutex, a child, a semaphore (changed last), the other end of a pipe or socket, or two of these: its title says that it is in a transaction (PostgreSQL), it last ran when the others stopped, it waits for its own client.`,
	uncheckable: ({ noTasks }) => noTasks,
	check({ standstills }) {
		const stopped = new Set(standstills.flatMap(({ still }) => still.map(({ pid }) => pid)));
		return standstills
			.map((standstill) => {
				const { comm, still, family, behind } = standstill;
				const [first] = still;
				const several = still.length > 1;
				const rate = still.reduce((sum, one) => sum + one.rate, 0) / still.length;
				const subject = several ? comm : safe`${comm}[${first.pid}]`;
				const who = several
					? safe`${count(still.length)} of ${count(family)} processes have stopped`
					: safe`has stopped`;
				const figures: Record<string, number> = {
					asleep_ns: first.asleep_ns,
					stopped: still.length,
					family,
					runs_before_per_s: rate,
					...(behind && { behind_pid: behind.pid }),
				};
				return {
					// the one that has a hot row changes from moment to moment
					about: `${standstill.parent} ${comm} ${first.reason} ${first.behind?.pid ?? ''}`,
					excess: excessOf([first.asleep_ns, limits.asleep_ns]),
					subject,
					text: safe`${who}: ${asleep(first.reason)} for ${duration(first.asleep_ns)}, ran ${perSecond(rate)} before${behindText(standstill)}${clientsText(still)}`,
					figures,
					witnesses: witnesses(standstill),
					owner: ownerOf(standstill),
					link: {
						tab: 'overview' as const,
						group: 'process',
						filter: equals('comm', comm),
						process: `${first.pid}:${first.start_time}`,
					},
					held_ns: first.asleep_ns,
					// one that waits for another that has stopped comes after that one
					touches: behind && behind.tid === 0 && stopped.has(behind.pid) ? 0.99 : 1,
				};
			})
			.sort((a, b) => (b.figures['stopped'] as number) - (a.figures['stopped'] as number));
	},
} as const satisfies Rule;
