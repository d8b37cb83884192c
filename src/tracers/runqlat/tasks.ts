/** Processes or threads by key. The first have waits of their own; those of the others are in one sum. */
import { safe } from '../../lib/sanitize.ts';
import type { Count } from '../../lib/units.ts';
import { type Account, account } from './account.ts';

/** Tasks of a kind that get rows. */
export const MAX_TASKS = 10_000;

/** Tasks of a kind whose counters are kept, to know what they have grown by. */
const MAX_KNOWN = 50_000;

export class Tasks<Task extends Account> {
	/** What those without a row have together. */
	readonly unlisted = account(0, 0, 0, safe`(unlisted)`);
	private readonly known = new Map<string, Task>();
	/** Told of in this interval, and in the one before. */
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
			// room was made: from now on it has figures of its own
			const { waits, switches, switchesTotal } = account(0, 0, 0, task.comm);
			Object.assign(task, { waits, switches, switchesTotal });
			this.listed++;
		}
		return task;
	}

	/** A task that is not known yet. Returns false where that makes too many. */
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

	/** All that are known, by key. */
	[Symbol.iterator](): IterableIterator<[string, Task]> {
		return this.known.entries();
	}

	/** Those with a row, and the sum of the others if there are such. */
	rows(): Generator<Account> {
		return this.listedOf(this.known.values());
	}

	/** As `rows`, but only those that may have something else to tell than an interval ago. */
	news(): Generator<Account> {
		return this.listedOf(new Set([...this.now, ...this.before]));
	}

	beginInterval(): void {
		for (const task of this.now) if (!this.isUnlisted(task)) beginInterval(task);
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

/** Nothing has happened yet in this interval. */
export function beginInterval({ waits, switches }: Account): void {
	waits.beginInterval();
	switches.voluntary = 0;
	switches.involuntary = 0;
}
