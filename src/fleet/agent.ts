/** The agent's side: a sampler's events as frames on a pipe, requests from the other end. */
import type { Readable, Writable } from 'node:stream';
import type { Sampler, SamplerEvent } from '../core/sampler.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { toText } from '../recording/columns-text.ts';
import { KINDS, preamble } from '../recording/frame.ts';
import { type Addition, Dictionaries } from '../recording/segment-writer.ts';
import { type AgentNote, type Hello, Lines, parseRequest, SILENCE } from './protocol.ts';

export interface AgentOptions {
	sampler: Sampler;
	hello: Hello;
	input: Readable;
	output: Writable;
	inspect(process: { pid: number; start: number }): Promise<object>;
	/** ms without a request after which the viewer is gone. */
	silence?: number;
}

/** Bytes that may wait in the pipe: beyond it snapshots are left out, and counted. */
const MOST_WAITING = 8 * 2 ** 20;

/** Resolves when the viewer is gone. */
export function runAgent({ sampler, hello, input, output, inspect, silence = SILENCE }: AgentOptions): Promise<void> {
	const dictionaries = new Dictionaries();
	let dropped = 0;
	const send = (kind: number, tab: number, payload: Buffer, mono_ns = 0) => {
		const facts = { kind, tab, level: 0, findings: 0, busy: null, wall: Date.now(), mono_ns };
		output.write(dictionaries.pack({ facts, payload } satisfies Addition));
	};
	const note = (one: AgentNote) => send(KINDS.note, 0, Buffer.from(JSON.stringify(one)));
	const snapshot = (one: Snapshot) => {
		if (output.writableLength > MOST_WAITING) {
			dropped++;
			return;
		}
		if (dropped > 0) note({ kind: 'dropped', frames: dropped });
		dropped = 0;
		const tab = hello.tabs.indexOf(one.tab);
		if (tab >= 0) send(KINDS.snapshot, tab, toText(one), one.mono_ns);
	};
	output.write(preamble());
	note({ kind: 'hello', ...hello });
	const unsubscribe = sampler.subscribe((event: SamplerEvent) => {
		if (event.kind === 'snapshot') snapshot(event.snapshot);
		else note(event);
	});
	const take = (line: string) => {
		const request = parseRequest(line);
		switch (request.kind) {
			case 'beat':
				note(request);
				break;
			case 'delay':
				sampler.setInterval(request.seconds);
				break;
			case 'group':
				sampler.setGroup(request.tab, request.group);
				break;
			case 'tune':
				sampler.tune?.(request.tab, request.changes);
				break;
			case 'active-tab':
				sampler.setActiveTab?.(request.tab);
				break;
			case 'inspect': {
				const { id, pid, start } = request;
				void inspect({ pid, start }).then(
					(details) => note({ kind: 'inspected', id, details }),
					(error: Error) => note({ kind: 'inspected', id, error: error.message }),
				);
				break;
			}
		}
	};
	return new Promise((resolve) => {
		const lines = new Lines();
		let timer: NodeJS.Timeout | undefined;
		const end = () => {
			clearTimeout(timer);
			unsubscribe();
			resolve();
		};
		const heard = () => {
			clearTimeout(timer);
			timer = setTimeout(end, silence);
		};
		heard();
		input.on('data', (bytes: Buffer) => {
			heard();
			try {
				for (const line of lines.take(bytes)) take(line);
			} catch {
				// the other end is no viewer of wattlag
				end();
			}
		});
		input.on('end', end);
		input.on('error', end);
		output.on('error', end);
	});
}
