/** One recording: from the snapshots of an interval to the recorder, and until when. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { SamplerEvent } from '../../core/sampler.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { formatShare } from '../../lib/format.ts';
import type { Bytes, Count } from '../../lib/units.ts';
import type { CommandLine } from '../../options/command.ts';
import { commandEnvironment } from '../command-environment.ts';
import type { Pace } from './pace.ts';

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

	async until(stop: AbortSignal, { values, rest }: CommandLine): Promise<End> {
		const seconds = Number(values['duration']);
		const signalled = new Promise<End>((resolve) => {
			const done = () => resolve({ kind: 'done', code: 0 });
			if (stop.aborted) done();
			stop.addEventListener('abort', done);
		});
		const timer = seconds > 0 ? Promise.withResolvers<End>() : undefined;
		// what is recorded begins with the first interval, not with the loading of the programs
		const started = await Promise.race([this.first.promise, this.ended.promise, signalled]);
		if (started) return started;
		const timeout = timer && setTimeout(() => timer.resolve({ kind: 'done', code: 0 }), seconds * 1000);
		const child = rest.length > 0 ? run(rest, this.options.say) : undefined;
		const end = await Promise.race(
			[this.ended.promise, signalled, timer?.promise, child?.ended].filter((one) => one !== undefined),
		);
		clearTimeout(timeout);
		child?.process.kill('SIGTERM');
		return end;
	}
}

/** The user's command, with the user's standard streams. */
function run(
	[command = '', ...words]: readonly string[],
	say: (line: string) => void,
): { process: ChildProcess; ended: Promise<End> } {
	const child = spawn(command, words, { stdio: 'inherit', env: commandEnvironment() });
	const ended = new Promise<End>((resolve) => {
		child.once('error', (error) => {
			say(`${command}: ${error.message}`);
			resolve({ kind: 'done', code: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 127 : 126 });
		});
		child.once('exit', (code, signal) => resolve({ kind: 'done', code: exitCode(code, signal) }));
	});
	return { process: child, ended };
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
	return code ?? 128 + (signal ? constants.signals[signal] : 0);
}
