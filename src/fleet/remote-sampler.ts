/**
 * The sampler of another host: `wattlag agent --stdio` behind a command such as `ssh HOST`. It starts the command again
 * when the connection breaks, and asks for what had been asked for. No port is opened; ssh decides the rights.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Sampler, SamplerEvent } from '../core/sampler.ts';
import type { Options } from '../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import { fromText } from '../recording/columns-text.ts';
import { KINDS } from '../recording/frame.ts';
import { checkedSnapshot, type RecordedTab } from '../recording/validate.ts';
import {
	type AgentNote,
	type AgentRequest,
	BEAT,
	checkHello,
	FrameReader,
	type Hello,
	parseNote,
	SILENCE,
} from './protocol.ts';

export interface RemoteOptions {
	/** Program and arguments that reach an agent. */
	command: readonly string[];
	/** For messages. */
	host: string;
	tabs: readonly RecordedTab[];
	/** Seconds. */
	delay: number;
	groups: Readonly<Record<string, string>>;
	/** Tab on the screen. */
	active: string;
	/** First pause and longest pause before it connects again, ms. */
	pauses?: { first: number; longest: number };
	silence?: number;
	beat?: number;
}

/** Of what a failed command wrote. */
const MOST_STDERR = 4096;

/** The last line that says something. */
function lastLine(text: string): SafeText {
	const line = text.split('\n').map((one) => one.trim()).filter((one) => one !== '').at(-1); // biome-ignore format: one step
	return sanitize((line ?? '').slice(0, 300));
}

/** Why a command ended, and whether it makes sense to start it again. */
function endOf(host: SafeText, code: number | null, said: SafeText): { message: SafeText; final: boolean } {
	if (code === 127 || /command not found|No such file or directory/.test(said)) {
		const how = safe`copy the single file there (scp wattlag ${host}:/usr/local/bin/), see docs/install.md, or name it with --remote`;
		return { message: safe`wattlag is not installed on ${host}: ${how}`, final: true };
	}
	if (said !== '')
		return { message: safe`${host}: ${said}`, final: /Permission denied|Host key verification/.test(said) };
	return { message: safe`${host}: the connection ended (${code === null ? safe`signal` : safe`exit code ${code}`})`, final: false }; // biome-ignore format: one line
}

export class RemoteSampler implements Sampler {
	private readonly options: RemoteOptions;
	private readonly host: SafeText;
	private readonly listeners = new Set<(event: SamplerEvent) => void>();
	private child: ChildProcessWithoutNullStreams | undefined;
	private timer: NodeJS.Timeout | undefined;
	private beats: NodeJS.Timeout | undefined;
	private closed = false;
	private failures = 0;
	private heardAt = 0;
	private delay: number;
	private active: string;
	private readonly groups: Record<string, string>;
	private readonly tunes = new Map<string, Options>();
	/** Answers of `inspect` that are waited for. */
	private readonly asked = new Map<number, { resolve(details: object): void; reject(error: Error): void }>();
	private nextId = 1;
	/** The agent's greeting; undefined: none yet. */
	hello: Hello | undefined;
	/** Of the last beat, ms; undefined: none has come back. */
	latency: number | undefined;

	constructor(options: RemoteOptions) {
		this.options = options;
		this.host = sanitize(options.host);
		this.delay = options.delay;
		this.active = options.active;
		this.groups = { ...options.groups };
		this.connect();
	}

	subscribe(listener: (event: SamplerEvent) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	setInterval(seconds: number): void {
		this.delay = seconds;
		this.request({ kind: 'delay', seconds });
	}

	setGroup(tab: string, group: string): void {
		this.groups[tab] = group;
		this.request({ kind: 'group', tab, group });
	}

	tune(tab: string, changes: Options): void {
		this.tunes.set(tab, { ...this.tunes.get(tab), ...changes });
		this.request({ kind: 'tune', tab, changes });
	}

	setActiveTab(tab: string): void {
		this.active = tab;
		this.request({ kind: 'active-tab', tab });
	}

	/** Facts about a process there. */
	inspect(process: { pid: number; start: number }): Promise<object> {
		const id = this.nextId++;
		return new Promise((resolve, reject) => {
			if (this.asked.size > 16) return reject(new Error('not answered'));
			this.asked.set(id, { resolve, reject });
			this.request({ kind: 'inspect', id, ...process });
		});
	}

	async close(): Promise<void> {
		this.closed = true;
		clearTimeout(this.timer);
		this.disconnect();
	}

	private emit(event: SamplerEvent): void {
		for (const listener of this.listeners) listener(event);
	}

	private request(request: AgentRequest): void {
		const { stdin } = this.child ?? {};
		if (this.hello && stdin?.writable) stdin.write(`${JSON.stringify(request)}\n`);
	}

	private connect(): void {
		const [program, ...args] = this.options.command as [string, ...string[]];
		const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
		this.child = child;
		this.hello = undefined;
		this.latency = undefined;
		this.heardAt = performance.now();
		const reader = new FrameReader();
		let said = '';
		let wrong: SafeText | undefined;
		const failed = (message: string) => {
			wrong ??= sanitize(message);
			child.kill('SIGKILL');
		};
		child.on('error', (error) => failed(error.message));
		child.stdin.on('error', () => {});
		child.stderr.on('data', (bytes: Buffer) => {
			said = (said + bytes.toString('utf8')).slice(-MOST_STDERR);
		});
		child.stdout.on('data', (bytes: Buffer) => {
			if (this.child !== child || wrong !== undefined) return;
			this.heardAt = performance.now();
			try {
				for (const { head, payload } of reader.take(bytes)) {
					if (head.kind === KINDS.note) this.note(parseNote(payload));
					else if (head.kind === KINDS.snapshot) this.snapshot(payload);
				}
			} catch (error) {
				failed((error as Error).message);
			}
		});
		const { silence = SILENCE, beat = BEAT } = this.options;
		this.beats = setInterval(() => {
			this.request({ kind: 'beat', at: performance.now() });
			if (performance.now() - this.heardAt > silence) failed(`nothing heard for ${silence / 1000} s`);
		}, beat);
		child.on('close', (code) => {
			if (this.child !== child) return;
			this.disconnect();
			if (this.closed) return;
			const end = wrong === undefined ? endOf(this.host, code, lastLine(said)) : { message: safe`${this.host}: ${wrong}`, final: false }; // biome-ignore format: one line
			this.again(end);
		});
	}

	private disconnect(): void {
		clearInterval(this.beats);
		const { child } = this;
		this.child = undefined;
		this.hello = undefined;
		for (const { reject } of this.asked.values()) reject(new Error('the connection is lost'));
		this.asked.clear();
		if (child && child.exitCode === null) {
			child.stdin.destroy();
			child.kill('SIGTERM');
		}
	}

	private again({ message, final }: { message: SafeText; final: boolean }): void {
		const { first, longest } = this.options.pauses ?? { first: 1000, longest: 30_000 };
		this.emit({ kind: 'worker-failed', message, restarting: !final });
		if (final) return;
		const pause = Math.min(longest, first * 2 ** Math.min(20, this.failures++));
		this.timer = setTimeout(() => this.connect(), pause);
	}

	private snapshot(payload: Buffer): void {
		if (!this.hello) throw new Error('it does not greet');
		const value = fromText(payload);
		// a newer agent may have tabs that this program does not know
		if (!this.options.tabs.some(({ id }) => id === value['tab'])) return;
		this.failures = 0;
		this.emit({ kind: 'snapshot', snapshot: checkedSnapshot(value, this.options.tabs) });
	}

	private note(note: AgentNote): void {
		if (!this.hello) {
			this.hello = checkHello(note);
			this.request({ kind: 'delay', seconds: this.delay });
			for (const [tab, group] of Object.entries(this.groups)) this.request({ kind: 'group', tab, group });
			for (const [tab, changes] of this.tunes) this.request({ kind: 'tune', tab, changes });
			this.request({ kind: 'active-tab', tab: this.active });
			const there = new Set(this.hello.tabs);
			for (const { id } of this.options.tabs) {
				if (there.has(id)) continue;
				const reason = safe`wattlag ${sanitize(this.hello.version)} on ${this.host} has no such tab`;
				this.emit({ kind: 'unavailable', tab: id, reason, fix: safe`install the same version there` });
			}
			return;
		}
		switch (note.kind) {
			case 'beat':
				if (Number.isFinite(note.at)) this.latency = Math.max(0, performance.now() - note.at);
				break;
			case 'attaching':
			case 'live':
				this.emit({ kind: note.kind, tab: String(note.tab) });
				break;
			case 'unavailable': {
				const { tab, reason, fix, retry_s } = note;
				const again = Number.isFinite(retry_s) ? { retry_s: retry_s as number } : {};
				this.emit({ kind: 'unavailable', tab: String(tab), reason: sanitize(String(reason)), fix: sanitize(String(fix)), ...again }); // biome-ignore format: one line
				break;
			}
			case 'worker-failed':
				this.emit({
					kind: 'worker-failed',
					message: sanitize(String(note.message)),
					restarting: note.restarting === true,
				});
				break;
			case 'inspected': {
				const waiting = this.asked.get(note.id);
				this.asked.delete(note.id);
				if (note.details) waiting?.resolve(note.details);
				else waiting?.reject(new Error(String(note.error ?? 'not known')));
				break;
			}
		}
	}
}
