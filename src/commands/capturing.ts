/** Automatic captures: their triggers, and the contents of the bundle. */
import { execFile } from 'node:child_process';
import type { Snapshot } from '../core/snapshot.ts';
import type { Description } from '../core/tracer.ts';
import { redactLines } from '../lib/redact.ts';
import { sanitize } from '../lib/sanitize.ts';
import { captureBytes, kernelLog, triageFile, writeCapture } from '../recording/capture.ts';
import { CapturePolicy } from '../recording/capture-policy.ts';
import type { TarFile } from '../recording/tar.ts';
import { FilterError } from '../rows/filter/error.ts';
import { TriageWindow } from '../tracers/overview/triage.ts';
import { Threshold } from './threshold.ts';

/** Time before and after a cause that a bundle has, ms. */
const BEFORE_MS = 300_000;
const AFTER_MS = 120_000;
/** Seconds of the profile, and how long its tool may take, ms. */
const PROFILE_S = 10;
const TOOL_MS = 60_000;

/** What a trigger is made of: `high`, `severe`, kinds of events, an expression. */
export interface TriggerChoice {
	kinds: readonly string[];
	expression: string;
}

export interface CapturingOptions extends TriggerChoice {
	tracers: readonly Description<object>[];
	/** Folder of the bundles. */
	path: string;
	about: { version: string; host: string; kernel: string };
	/** The configuration file; undefined: none. */
	config: string | undefined;
	afterMs?: number;
	say(line: string): void;
	/** The recording from a time on (wall clock, ms) as files of a bundle, with all that has come so far. */
	minutes(from: number): Promise<TarFile[]>;
	/** Counts have changed. */
	changed?: () => void;
}

interface Cause {
	/** Back-off counts by this. */
	rule: string;
	words: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** The tabs that can judge an expression, each with its own threshold. @throws {FilterError} where there is none */
function thresholdsOf(expression: string, tracers: readonly Description<object>[]): Map<string, () => Threshold> {
	const able = new Map<string, () => Threshold>();
	let refused: unknown;
	for (const tracer of tracers) {
		try {
			new Threshold(expression, tracer);
			able.set(tracer.id, () => new Threshold(expression, tracer));
		} catch (error) {
			if (!(error instanceof FilterError)) throw error;
			refused ??= error;
		}
	}
	if (able.size === 0) throw refused;
	return able;
}

export class Capturing {
	private readonly options: CapturingOptions;
	private readonly policy = new CapturePolicy();
	private readonly thresholds: Map<string, () => Threshold>;
	/** Findings of the interval before. */
	private known = new Set<string>();
	/** Expressions that held in the interval before: one that goes on is no new cause. */
	private readonly holding = new Set<string>();
	private running: Promise<void> | undefined;
	private readonly triage: TriageWindow;
	private readonly ended = new AbortController();

	constructor(options: CapturingOptions) {
		this.options = options;
		this.triage = new TriageWindow({ ms: BEFORE_MS + (options.afterMs ?? AFTER_MS) });
		this.thresholds = options.expression === '' ? new Map() : thresholdsOf(options.expression, options.tracers);
	}

	get counts(): { captured: number; suppressed: number } {
		return { captured: this.policy.captured, suppressed: this.policy.suppressed };
	}

	/** The snapshots of an interval. */
	see(snapshots: readonly Snapshot[]): void {
		for (const snapshot of snapshots) this.triage.add(snapshot);
		for (const snapshot of snapshots) for (const cause of this.causesIn(snapshot)) this.begin(cause);
	}

	/** The user has asked for a capture. */
	ask(words: string): void {
		this.begin({ rule: words, words }, true);
	}

	/** What is being captured is written without the minutes after it, and without what its tools have not said yet. */
	async close(): Promise<void> {
		this.ended.abort();
		await this.running;
	}

	private *causesIn(snapshot: Snapshot): Generator<Cause> {
		const { kinds } = this.options;
		const { tab, findings, events } = snapshot as unknown as Fields;
		if (tab === 'overview' && Array.isArray(findings)) yield* this.newFindings(findings as Fields[], kinds);
		if (tab === 'events' && Array.isArray(events)) {
			for (const { kind, text, before_start } of events as Fields[])
				if (typeof kind === 'string' && kinds.includes(kind) && before_start !== true)
					yield { rule: `event ${kind}`, words: `event ${kind}: ${String(text)}` };
		}
		const threshold = this.thresholds.get(String(tab))?.();
		if (!threshold) return;
		const { expression } = this.options;
		threshold.look(snapshot, snapshot.rows);
		const held = this.holding.has(String(tab));
		if (threshold.matched) this.holding.add(String(tab));
		else this.holding.delete(String(tab));
		// one cause, whatever tabs have such rows: each of them would make a bundle of the same minutes
		if (threshold.matched && !held) yield { rule: 'expression', words: `expression ${expression}` };
	}

	private *newFindings(findings: readonly Fields[], kinds: readonly string[]): Generator<Cause> {
		const before = this.known;
		this.known = new Set(findings.map(({ rule, subject }) => `${String(rule)} ${String(subject)}`));
		for (const { rule, subject, level, text } of findings) {
			const wanted =
				level === 'severe'
					? kinds.includes('severe') || kinds.includes('high')
					: level === 'high' && kinds.includes('high');
			if (!wanted || before.has(`${String(rule)} ${String(subject)}`)) continue;
			yield { rule: `finding ${String(rule)}`, words: `finding ${String(rule)}: ${String(subject)} ${String(text)}` };
		}
	}

	private begin({ rule, words }: Cause, asked = false): void {
		const now = Date.now();
		// one at a time: the bundle of the first has the causes that follow within its two minutes
		const busy = this.running ? 'another capture is running' : undefined;
		const reason = this.policy.refuse(rule, now, captureBytes(this.options.path), asked, busy);
		this.options.changed?.();
		if (reason !== undefined) {
			if (asked) this.options.say(`not captured: ${reason}`);
			return;
		}
		this.policy.done(rule, now);
		this.options.changed?.();
		this.options.say(`capturing: ${words}`);
		this.running = this.capture(words, now)
			.then(
				(path) =>
					this.options.say(
						`captured: ${path} (${this.policy.captured} captured, ${this.policy.suppressed} suppressed)`,
					),
				(error: Error) => this.options.say(`could not capture: ${error.message}`),
			)
			.finally(() => {
				this.running = undefined;
			});
	}

	private async capture(words: string, now: number): Promise<string> {
		const { path, about, config, afterMs = AFTER_MS } = this.options;
		// while it happens
		const seconds = Math.min(PROFILE_S, Math.max(1, Math.round(afterMs / 1000)));
		const profile = this.tool('profile.json', ['profile', '--duration', String(seconds), '--json']);
		const doctor = this.tool('doctor.json', ['doctor', '--json']);
		await this.wait(afterMs);
		const extra = (await Promise.all([profile, doctor])).filter((file) => file !== undefined);
		const minutes = await this.options.minutes(now - BEFORE_MS);
		const log = kernelLog();
		const files: TarFile[] = [
			// what was wrong in the time of the bundle, in at most twenty lines: the first thing to read
			...triageFile(this.triage.text(about.host, now - BEFORE_MS)),
			...minutes,
			...extra,
			...(log ? [{ name: 'kmsg.txt', bytes: log }] : []),
			...(config === undefined ? [] : [{ name: 'config.toml', bytes: Buffer.from(redactLines(config)) }]),
		];
		const written = new Date().toISOString();
		const facts = { ...about, written, from: new Date(now - BEFORE_MS).toISOString(), to: written };
		const made = await writeCapture(path, { ...facts, cause: sanitize(words.slice(0, 300)), redacted: false }, files);
		return made.path;
	}

	/** What this program prints as another command; undefined: it failed, as without the privilege or the hardware. */
	private tool(name: string, words: readonly string[]): Promise<TarFile | undefined> {
		return new Promise((resolve) => {
			const { signal } = this.ended;
			const options = { timeout: TOOL_MS, maxBuffer: 64 * 2 ** 20, encoding: 'buffer' as const, signal };
			execFile(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...words], options, (error, output) => {
				// doctor's exit code 1: a tab that does not work, which is worth knowing
				const failed = error !== null && !(name === 'doctor.json' && output.length > 0);
				resolve(failed || output.length === 0 ? undefined : { name, bytes: output });
			});
		});
	}

	private wait(ms: number): Promise<void> {
		const { signal } = this.ended;
		return new Promise((resolve) => {
			if (signal.aborted) return resolve();
			const timer = setTimeout(resolve, ms);
			signal.addEventListener('abort', () => {
				clearTimeout(timer);
				resolve();
			});
		});
	}
}
