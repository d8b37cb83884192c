/** Processes or threads by id and start. The first ones have rows; the waits of the others are in one sum. */
import { safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { type Account, account } from './account.ts';

/** Tasks of a kind that get rows. */
export const MAX_TASKS = 10_000;

/** Tasks of a kind whose counters are kept, for their growth. */
const MAX_KNOWN = 50_000;

export class Tasks<Task extends Account> {
	/** The sum of tasks without a row. */
	readonly unlisted = account(0, 0, 0, safe`(unlisted)`);
	/** By id, the one that was added last. */
	private readonly known = new Map<number, Task>();
	/** The others of that id, by {@link keyOf}: of a pid that was reused. */
	private readonly reused = new Map<string, Task>();
	/** With news in this interval, and in the one before. */
	private now = new Set<Task>();
	private before = new Set<Task>();
	private readonly maxRows: number;
	private readonly maxKnown: number;
	private listed: Count = 0;

	constructor(maxRows = MAX_TASKS, maxKnown = MAX_KNOWN) {
		this.maxRows = maxRows;
		this.maxKnown = maxKnown;
	}

	has(id: number, start: Ns): boolean {
		return this.find(id, start) !== undefined;
	}

	/**
	 * A task of which nothing is new.
	 * @param pid of a thread that of its process, as is `processStart`
	 */
	find(id: number, start: Ns, pid = id, processStart = start): Task | undefined {
		const task = this.known.get(id);
		if (task && task.start === start && task.pid === pid && task.processStart === processStart) return task;
		return this.reused.size > 0 ? this.reused.get(keyOf({ id, start, pid, processStart })) : undefined;
	}

	/** A task that has news; see {@link find}. */
	get(id: number, start: Ns, pid = id, processStart = start): Task | undefined {
		const task = this.find(id, start, pid, processStart);
		if (task) this.now.add(task);
		if (task && this.isUnlisted(task) && this.listed < this.maxRows) {
			// a row is free: from now on it has own figures
			const { waits, switches, switchesTotal } = account(0, 0, 0, task.comm);
			Object.assign(task, { waits, switches, switchesTotal });
			this.listed++;
		}
		return task;
	}

	/** Add a new task. Returns false at the limit. */
	add(task: Task): boolean {
		if (this.size >= this.maxKnown) return false;
		if (this.listed < this.maxRows) this.listed++;
		else {
			const { waits, switches, switchesTotal } = this.unlisted;
			Object.assign(task, { waits, switches, switchesTotal });
		}
		const former = this.known.get(task.id);
		if (former) this.reused.set(keyOf(former), former);
		this.known.set(task.id, task);
		this.now.add(task);
		return true;
	}

	delete(task: Task): void {
		if (this.known.get(task.id) === task) this.known.delete(task.id);
		else if (this.reused.get(keyOf(task)) === task) this.reused.delete(keyOf(task));
		else return;
		if (!this.isUnlisted(task)) this.listed--;
		this.now.delete(task);
		this.before.delete(task);
	}

	clear(): void {
		if (this.size === 0) return;
		this.known.clear();
		this.reused.clear();
		this.now.clear();
		this.before.clear();
		this.listed = 0;
	}

	/** All tasks. */
	*[Symbol.iterator](): Generator<Task> {
		yield* this.known.values();
		yield* this.reused.values();
	}

	private get size(): Count {
		return this.known.size + this.reused.size;
	}

	/** Tasks with a row, and the sum of the others if there are any. */
	rows(): Generator<Account> {
		return this.listedOf(this);
	}

	/** As `rows`, but only tasks that may have changed since the last interval. */
	news(): Generator<Account> {
		return this.listedOf(new Set([...this.now, ...this.before]));
	}

	beginInterval(): void {
		for (const task of this.now) if (!this.isUnlisted(task)) beginInterval(task);
		// thousands may sleep for ever
		for (const task of this.before) if (!this.now.has(task) && !this.isUnlisted(task)) task.waits.rest();
		beginInterval(this.unlisted);
		[this.before, this.now] = [this.now, this.before];
		this.now.clear();
	}

	private *listedOf(tasks: Iterable<Task>): Generator<Account> {
		for (const task of tasks) if (!this.isUnlisted(task)) yield task;
		if (this.size > this.listed || this.unlisted.waits.count_total > 0) yield this.unlisted;
	}

	private isUnlisted(task: Task): boolean {
		return task.waits === this.unlisted.waits;
	}
}

function keyOf({ id, start, pid, processStart }: Pick<Account, 'id' | 'start' | 'pid' | 'processStart'>): string {
	return `${pid}:${processStart}:${id}:${start}`;
}

/** Reset the figures of the interval. */
export function beginInterval(account: Account): void {
	const { waits, switches } = account;
	waits.beginInterval();
	switches.voluntary = 0;
	switches.involuntary = 0;
	account.wakes = 0;
}
