/**
 * What is to be sent, in order, within limits: the oldest is dropped first, and counted. A server that does not answer, or
 * asks for patience, gets the same batch again later; one that refuses a batch does not.
 */
import type { Bytes, Count } from '../../lib/units.ts';

/** What became of a batch. */
export type Outcome =
	| { kind: 'done'; sent: Count; rejected: Count; reason?: string }
	/** `left`: the part that is to be sent again; absent: all of it. */
	| { kind: 'retry'; reason: string; after?: number | undefined; sent?: Count; rejected?: Count; left?: Batch };

export interface Batch {
	/** Records in it. */
	count: Count;
	bytes: Bytes;
	send(signal: AbortSignal): Promise<Outcome>;
}

export type Result = 'sent' | 'rejected' | 'dropped';

export interface QueueOptions {
	/** For messages: `--otlp http://…`. */
	name: string;
	report(text: string): void;
	/** Records by result. */
	counted(result: Result, count: Count): void;
	most?: { batches: Count; bytes: Bytes };
	/** First pause and longest pause after failures, ms. */
	pauses?: { first: number; longest: number };
}

export class PushQueue {
	private readonly options: Required<QueueOptions>;
	private readonly waiting: Batch[] = [];
	private bytes: Bytes = 0;
	private working: Promise<void> | undefined;
	private readonly stop = new AbortController();
	/** Failures in a row. */
	private failures = 0;
	private failing: string | undefined;

	constructor(options: QueueOptions) {
		this.options = {
			most: { batches: 1000, bytes: 32 * 2 ** 20 },
			pauses: { first: 1000, longest: 60_000 },
			...options,
		};
	}

	get length(): Count {
		return this.waiting.length;
	}

	push(batch: Batch): void {
		if (batch.count === 0) return;
		this.waiting.push(batch);
		this.bytes += batch.bytes;
		const { most } = this.options;
		while (this.waiting.length > most.batches || (this.bytes > most.bytes && this.waiting.length > 1)) {
			// the first one is on its way: the one after it goes
			this.drop(this.working && this.waiting.length > 1 ? 1 : 0, 1);
		}
		this.working ??= this.work().finally(() => {
			this.working = undefined;
		});
	}

	/** Send what is left, for at most this long, ms; the rest is dropped and counted. */
	async close(limit: number): Promise<void> {
		const timer = setTimeout(() => this.stop.abort(), limit);
		this.endPause();
		await this.working;
		clearTimeout(timer);
		this.stop.abort();
		const lost = this.drop(0, this.waiting.length);
		if (lost === 0) return;
		this.options.report(`${this.options.name}: ${lost} records were not sent`);
	}

	/** Returns the number of records. */
	private drop(from: number, batches: number): Count {
		let records = 0;
		for (const { bytes, count } of this.waiting.splice(from, batches)) {
			this.bytes -= bytes;
			records += count;
		}
		if (records > 0) this.options.counted('dropped', records);
		return records;
	}

	private endPause: () => void = () => {};

	private async work(): Promise<void> {
		const { signal } = this.stop;
		for (let batch = this.waiting[0]; batch && !signal.aborted; batch = this.waiting[0]) {
			const outcome = await batch
				.send(signal)
				.catch((error: Error): Outcome => ({ kind: 'retry', reason: error.message }));
			if (signal.aborted && outcome.kind === 'retry') return;
			this.count(outcome);
			if (outcome.kind === 'done') {
				this.recovered(outcome);
				this.replace(batch);
				continue;
			}
			if (outcome.left) this.replace(batch, outcome.left);
			this.failed(outcome.reason);
			await this.pause(outcome.after);
		}
	}

	private replace(batch: Batch, left?: Batch): void {
		const at = this.waiting.indexOf(batch);
		if (at < 0) return;
		this.waiting.splice(at, 1, ...(left ? [left] : []));
		this.bytes += (left?.bytes ?? 0) - batch.bytes;
	}

	private count({ sent = 0, rejected = 0 }: Outcome): void {
		if (sent > 0) this.options.counted('sent', sent);
		if (rejected > 0) this.options.counted('rejected', rejected);
	}

	private failed(reason: string): void {
		this.failures++;
		if (this.failing === reason) return;
		this.failing = reason;
		this.options.report(`${this.options.name}: ${reason}; kept and tried again`);
	}

	private recovered({ rejected, reason }: Outcome & { kind: 'done' }): void {
		if (rejected > 0) {
			const text = `${rejected} records refused: ${reason ?? 'no reason given'}`;
			if (this.failing !== reason) this.options.report(`${this.options.name}: ${text}`);
			this.failing = reason;
		} else if (this.failing !== undefined) {
			this.options.report(`${this.options.name}: works again`);
			this.failing = undefined;
		}
		this.failures = 0;
	}

	/** Twice as long after each failure, with chance in it, so that many hosts do not come at once. */
	private pause(after: number | undefined): Promise<void> {
		const { first, longest } = this.options.pauses;
		const doubled = Math.min(longest, first * 2 ** Math.min(20, this.failures - 1));
		const ms = Math.max(after ?? 0, doubled * (0.5 + Math.random() / 2));
		return new Promise((resolve) => {
			const end = () => {
				clearTimeout(timer);
				this.stop.signal.removeEventListener('abort', end);
				resolve();
			};
			const timer = setTimeout(end, ms);
			this.stop.signal.addEventListener('abort', end, { once: true });
			this.endPause = end;
		});
	}
}
