/** Processes or threads by key. The first ones have rows; the waits of the others are in one sum. */
import { safe } from '../../lib/sanitize.ts';
import type { Count } from '../../lib/units.ts';
import { type Account, account } from './account.ts';

/** Tasks of a kind that get rows. */
export const MAX_TASKS = 10_000;

/** Tasks of a kind whose counters are kept, for their growth. */
const MAX_KNOWN = 50_000;

export class Tasks<Task extends Account> {
	/** The sum of tasks without a row. */
	readonly unlisted = account(0, 0, 0, safe`(unlisted)`);
	private readonly known = new Map<string, Task>();
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

	has(key: string): boolean {
		return this.known.has(key);
	}

	/** A task of which nothing is new. */
	find(key: string): Task | undefined {
		return this.known.get(key);
	}

	/** A task that has news. */
	get(key: string): Task | undefined {
		const task = this.known.get(key);
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
	add(key: string, task: Task): boolean {
		if (this.known.size >= this.maxKnown) return false;
		if (this.listed < this.maxRows) this.listed++;
		else {
			const { waits, switches, switchesTotal } = this.unlisted;
			Object.assign(task, { waits, switches, switchesTotal });
		}
		this.known.set(key, task);
		this.now.add(task);
		return true;
	}

	delete(key: string): void {
		const task = this.known.get(key);
		if (!task) return;
		if (!this.isUnlisted(task)) this.listed--;
		this.known.delete(key);
		this.now.delete(task);
		this.before.delete(task);
	}

	clear(): void {
		if (this.known.size === 0) return;
		this.known.clear();
		this.now.clear();
		this.before.clear();
		this.listed = 0;
	}

	/** All tasks, by key. */
	[Symbol.iterator](): IterableIterator<[string, Task]> {
		return this.known.entries();
	}

	/** Tasks with a row, and the sum of the others if there are any. */
	rows(): Generator<Account> {
		return this.listedOf(this.known.values());
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
		if (this.known.size > this.listed || this.unlisted.waits.count_total > 0) yield this.unlisted;
	}

	private isUnlisted(task: Task): boolean {
		return task.waits === this.unlisted.waits;
	}
}

/** Reset the figures of the interval. */
export function beginInterval(account: Account): void {
	const { waits, switches } = account;
	waits.beginInterval();
	switches.voluntary = 0;
	switches.involuntary = 0;
	account.wakes = 0;
}
