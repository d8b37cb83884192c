/**
 * What `wattlag agent --stdio` and its viewer say to each other over a pipe. From the agent: the bytes of a segment of a
 * recording (recording/frame.ts), whose notes carry everything that is no snapshot. To the agent: lines of JSON. Neither
 * side trusts the other: frames and lines have limits, text is made inert, snapshots are checked as those of files are.
 */
import { inert } from '../recording/columns-text.ts';
import {
	checkPreamble,
	dictionaryOf,
	type FrameHead,
	HEAD,
	PREAMBLE,
	readHead,
	unpackFrame,
} from '../recording/frame.ts';
import { isObject } from '../recording/validate.ts';

/** Grows when one side could not make sense of the other. */
export const PROTOCOL = 1;

/** Between two beats of the viewer, and the silence after which each side gives the other up; ms. */
export const BEAT = 2000;
export const SILENCE = 15_000;

/** Characters of a request. */
const MAX_REQUEST = 64 * 1024;

export type AgentRequest =
	| { kind: 'beat'; at: number }
	| { kind: 'delay'; seconds: number }
	| { kind: 'group'; tab: string; group: string }
	| { kind: 'tune'; tab: string; changes: Record<string, number | string | boolean> }
	| { kind: 'active-tab'; tab: string }
	| { kind: 'inspect'; id: number; pid: number; start: number };

/** The first note. */
export interface Hello {
	protocol: number;
	version: string;
	host: string;
	kernel: string;
	cpus: number;
	/** In the order in which frames name them. */
	tabs: string[];
}

export type AgentNote =
	| ({ kind: 'hello' } & Hello)
	| { kind: 'beat'; at: number }
	| { kind: 'attaching' | 'live'; tab: string }
	| { kind: 'unavailable'; tab: string; reason: string; fix: string; retry_s?: number }
	| { kind: 'worker-failed'; message: string; restarting: boolean }
	| { kind: 'dropped'; frames: number }
	| { kind: 'inspected'; id: number; details?: object; error?: string };

const isText = (value: unknown): value is string => typeof value === 'string';

/** @throws for what is no request */
export function parseRequest(line: string): AgentRequest {
	const value = inert(JSON.parse(line)) as Record<string, unknown>;
	if (!isObject(value)) throw new Error('not a request');
	const { kind, at, seconds, tab, group, changes, id, pid, start } = value;
	switch (kind) {
		case 'beat':
			if (Number.isFinite(at)) return { kind, at: at as number };
			break;
		case 'delay':
			if (Number.isFinite(seconds) && (seconds as number) >= 0.1 && (seconds as number) <= 3600)
				return { kind, seconds: seconds as number };
			break;
		case 'group':
			if (isText(tab) && isText(group)) return { kind, tab, group };
			break;
		case 'active-tab':
			if (isText(tab)) return { kind, tab };
			break;
		case 'tune':
			if (
				isText(tab) &&
				isObject(changes) &&
				Object.values(changes).every((one) => isText(one) || typeof one === 'boolean' || Number.isFinite(one))
			)
				return { kind, tab, changes: changes as Record<string, number | string | boolean> };
			break;
		case 'inspect':
			if ([id, pid, start].every(Number.isFinite))
				return { kind, id: id as number, pid: pid as number, start: start as number };
			break;
	}
	throw new Error('not a request');
}

/** Splits what comes into lines; a line beyond the limit is an error. */
export class Lines {
	private pending = '';
	private readonly decoder = new TextDecoder();

	/** @throws for a line without end */
	take(bytes: Uint8Array): string[] {
		const lines = (this.pending + this.decoder.decode(bytes, { stream: true })).split('\n');
		this.pending = lines.pop() as string;
		if (this.pending.length > MAX_REQUEST) throw new Error('a request without end');
		return lines.filter((line) => line !== '');
	}
}

/** A frame with its unpacked payload. */
export interface Frame {
	head: FrameHead;
	payload: Buffer;
}

/** Takes the agent's bytes in pieces of any length. */
export class FrameReader {
	private pending: Buffer = Buffer.alloc(0);
	/** What has come since, and how much of both has to be there before the next frame can be whole. */
	private more: Buffer[] = [];
	private length = 0;
	private needed = 0;
	private begun = false;
	/** Payload of the last key frame, by tab. */
	private readonly keys = new Map<number, Buffer>();
	/** Payload of the last frame, by tab. */
	private readonly last = new Map<number, Buffer>();

	/** The frames that are whole now. @throws what is wrong with them: the connection is of no more use */
	take(bytes: Buffer): Frame[] {
		const frames: Frame[] = [];
		this.more.push(bytes);
		this.length += bytes.length;
		// a frame of many megabytes comes in pieces of 64 kB: they are put together once
		if (this.length < this.needed) return frames;
		const [only, second] = this.more;
		this.pending = this.pending.length === 0 && only && !second ? only : Buffer.concat([this.pending, ...this.more]);
		this.more = [];
		this.needed = 0;
		try {
			return this.whole(frames);
		} finally {
			this.length = this.pending.length;
		}
	}

	private whole(frames: Frame[]): Frame[] {
		if (!this.begun) {
			if (this.pending.length < PREAMBLE) return frames;
			checkPreamble(this.pending);
			this.begun = true;
			this.pending = this.pending.subarray(PREAMBLE);
		}
		while (this.pending.length >= HEAD) {
			const head = readHead(this.pending);
			if (!head) throw new Error('it sends something else than frames');
			if (this.pending.length < HEAD + head.stored) {
				this.needed = HEAD + head.stored;
				break;
			}
			const stored = this.pending.subarray(HEAD, HEAD + head.stored);
			const key = this.keys.get(head.tab);
			// frames come in order: the one that it follows is the last one of its tab
			const before = head.back > 0 ? this.last.get(head.tab) : undefined;
			const payload = unpackFrame(head, stored, key && dictionaryOf(key, before));
			if (head.key && head.kind === SNAPSHOT) this.keys.set(head.tab, payload);
			if (head.kind === SNAPSHOT) this.last.set(head.tab, payload);
			frames.push({ head, payload });
			this.pending = this.pending.subarray(HEAD + head.stored);
		}
		return frames;
	}
}

/** Kind of a snapshot's frame. */
const SNAPSHOT = 1;

/** @throws for what is no note */
export function parseNote(payload: Buffer): AgentNote {
	const value = inert(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)));
	if (!isObject(value) || !isText(value['kind'])) throw new Error('not a note');
	return value as unknown as AgentNote;
}

/** @throws for what is no greeting of an agent that this program understands */
export function checkHello(note: AgentNote): Hello {
	if (note.kind !== 'hello') throw new Error('it does not greet');
	const { protocol, version, host, kernel, cpus, tabs } = note;
	if (protocol !== PROTOCOL)
		throw new Error(`it is wattlag ${version} with protocol ${protocol}, this one has ${PROTOCOL}: install the same version on both`); // biome-ignore format: one sentence
	if (![version, host, kernel].every(isText) || !Array.isArray(tabs) || !tabs.every(isText))
		throw new Error('it does not greet');
	return { protocol, version, host, kernel, cpus: Number(cpus) || 0, tabs };
}
