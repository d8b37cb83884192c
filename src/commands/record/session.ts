/** One recording: from the snapshots of an interval to the recorder, and until when. */
import { EXIT } from '../../core/errors.ts';
import type { SamplerEvent } from '../../core/sampler.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { formatShare } from '../../lib/format.ts';
import type { Bytes, Count } from '../../lib/units.ts';
import type { CommandLine } from '../../options/command.ts';
import type { EndSignal } from '../command.ts';
import type { Pace } from './pace.ts';
import { codeOfSignal, RecordedCommand } from './recorded-command.ts';

/** A signal came that ends recordings. */
export interface Signalled {
	kind: 'signalled';
	signal: EndSignal;
}

/** Why a recording ended. */
export type End =
	| { kind: 'done'; code: number }
	| { kind: 'failed' }
	| { kind: 'unavailable'; reason: string; fix: string; wrong_value?: true };

export interface SessionOptions {
	/** Takes the snapshots of an interval. */
	recorder: { readonly status: { bytes: Bytes }; add(snapshots: readonly Snapshot[]): void };
	capturing: { see(snapshots: readonly Snapshot[]): void };
	pace: Pace;
	/** Number of tabs that are to be recorded. */
	tabs: Count;
	/** A line for the user. */
	say(line: string): void;
}

/** What is sampled, interval by interval. */
export class Session {
	private readonly options: SessionOptions;
	private readonly waiting: Snapshot[] = [];
	/** A longer interval was reported. */
	private said = false;
	/** Changes the length of an interval from the present moment on. */
	setInterval: (seconds: number) => void = () => {};
	/** Bytes in the files at the interval before. */
	private written: Bytes = 0;
	private readonly ended = Promise.withResolvers<End>();
	private readonly first = Promise.withResolvers<void>();
	private readonly unavailable = new Map<string, { reason: string; fix: string }>();

	constructor(options: SessionOptions) {
		this.options = options;
	}

	take(event: SamplerEvent): void {
		const { say, tabs } = this.options;
		switch (event.kind) {
			case 'snapshot':
				this.unavailable.delete(event.snapshot.tab);
				this.waiting.push(event.snapshot);
				this.first.resolve();
				break;
			case 'unavailable':
				say(`${event.tab}: ${event.reason}; ${event.fix}`);
				this.unavailable.set(event.tab, event);
				// the overview has nothing to show where nothing is measured
				if (this.unavailable.size >= tabs) this.ended.resolve({ ...event, kind: 'unavailable' });
				break;
			case 'worker-failed':
				say(`sampling failed: ${event.message}${event.restarting ? '; restarting it once' : ''}`);
				if (!event.restarting) this.ended.resolve({ kind: 'failed' });
				break;
		}
	}

	/** All tabs of an interval are there. In the same turn of the event loop: a turn more would find cold caches. */
	flush(): void {
		const { recorder, capturing, pace } = this.options;
		const { bytes } = recorder.status;
		// the recorder's own bytes are in what is recorded, as its CPU time is
		const recorded_bytes = bytes - this.written;
		this.written = bytes;
		const { limit, seconds, stretched } = pace;
		const own = {
			recorded_bytes,
			...(limit > 0 && { cpu_limit: limit }),
			...(stretched && { step_ns: Math.round(seconds * 1e9) }),
		};
		const snapshots = this.waiting.splice(0).map((one) => ({ ...one, cost: { ...one.cost, ...own } }));
		recorder.add(snapshots);
		capturing.see(snapshots);
		const [first] = snapshots;
		if (first && pace.take(first.cost.cpu_ns, first.dt_ns)) this.changeInterval();
	}

	private changeInterval(): void {
		const { pace, say } = this.options;
		const { seconds, limit, stretched } = pace;
		if (stretched && !this.said)
			say(
				`intervals become longer (${seconds} s) while recording would take more than ${formatShare(limit)} of a CPU; see --max-cpu`,
			);
		this.said ||= stretched;
		// the tick that goes on now sets the end of its next interval by the present length
		queueMicrotask(() => this.setInterval(seconds));
	}

	async until(signalled: Promise<Signalled>, { values, rest, procRoot }: CommandLine): Promise<End> {
		const { say } = this.options;
		const seconds = Number(values['duration']);
		// what is recorded begins with the first interval, not with the loading of the programs
		const started = await Promise.race([this.first.promise, this.ended.promise, signalled]);
		if (started) {
			if (rest.length > 0) say(`${rest[0]} was not started`);
			if (started.kind !== 'signalled') return started;
			return { kind: 'done', code: rest.length > 0 ? codeOfSignal(started.signal) : 0 };
		}
		const timer = Promise.withResolvers<'over'>();
		const timeout = seconds > 0 ? setTimeout(() => timer.resolve('over'), seconds * 1000) : undefined;
		const command = rest.length > 0 ? new RecordedCommand(rest, { procRoot, say }) : undefined;
		const finished = command?.ended.then((code): End => ({ kind: 'done', code })) ?? never;
		const end = await Promise.race([finished, signalled, this.ended.promise, timer.promise]);
		clearTimeout(timeout);
		if (end === 'over') {
			if (!command) return { kind: 'done', code: 0 };
			say(`${command.name} runs for longer than --duration ${seconds}: it is ended (SIGTERM)`);
			await command.end('SIGTERM');
			return { kind: 'done', code: EXIT.tooLong };
		}
		if (end.kind === 'signalled') return { kind: 'done', code: (await command?.end(end.signal)) ?? 0 };
		if (end.kind === 'done' || !command) return end;
		// the command is the user's work: it does not end for want of a recording
		say(`${command.name} goes on without being recorded`);
		const last = await Promise.race([finished, signalled]);
		if (last.kind === 'signalled') await command.end(last.signal);
		return end;
	}
}

const never = new Promise<never>(() => {});
