/** The report of the last minutes, for browsers: the page, its script, and a stream that renews it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SamplerEvent } from '../core/sampler.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { ReportBuilder, type ReportMachine } from './report/model.ts';
import { LIVE_POLICY, LIVE_SCRIPT, reportMain, reportPage } from './report/page.ts';
import type { Reply, Routes } from './server.ts';

/** What the page is about. */
const MINUTES = 10;
/** Snapshots are kept in blocks of this length, ms: the oldest block goes as a whole. */
const BLOCK = 60_000;
/** Between two renewals, ms. */
const EVERY = 2000;
const MOST_READERS = 16;
/** Bytes that may wait for a reader; one that does not read is let go. */
const MOST_WAITING = 4 * 2 ** 20;

/** A report takes no snapshot back: the last minutes are those of several builders, which run side by side. */
export class LiveReport {
	private readonly machine: ReportMachine;
	private readonly builders: { since: number; builder: ReportBuilder }[] = [];

	constructor(machine: ReportMachine) {
		this.machine = machine;
	}

	add(snapshot: Snapshot): void {
		const at = Date.parse(snapshot.time);
		const last = this.builders.at(-1);
		if (!last || at - last.since >= BLOCK * (MINUTES / 2)) {
			this.builders.push({ since: at, builder: new ReportBuilder(this.machine) });
			// the one before still has the minutes that this one lacks
			if (this.builders.length > 2) this.builders.shift();
		}
		for (const { builder } of this.builders) builder.add(snapshot);
	}

	/** The last 5 to 10 minutes. */
	report() {
		return (this.builders[0]?.builder ?? new ReportBuilder(this.machine)).report();
	}
}

export class LivePage {
	private readonly live: LiveReport;
	private readonly readers = new Set<ServerResponse>();
	private sentAt = 0;

	constructor(machine: ReportMachine) {
		this.live = new LiveReport(machine);
	}

	/** The events of a tick. */
	take(events: readonly SamplerEvent[]): void {
		for (const event of events) if (event.kind === 'snapshot') this.live.add(event.snapshot);
		if (this.readers.size === 0 || performance.now() - this.sentAt < EVERY) return;
		this.sentAt = performance.now();
		const message = this.message();
		for (const reader of this.readers) {
			if (reader.writableLength > MOST_WAITING) reader.destroy();
			else reader.write(message);
		}
	}

	routes(): Routes {
		return {
			'/': (): Reply => ({
				type: 'text/html; charset=utf-8',
				body: reportPage(this.live.report(), true),
				headers: { 'Content-Security-Policy': LIVE_POLICY, 'Cache-Control': 'no-store' },
			}),
			'/live.js': (): Reply => ({ type: 'text/javascript; charset=utf-8', body: LIVE_SCRIPT }),
			'/events': (request, response) => this.stream(request, response),
		};
	}

	close(): void {
		for (const reader of this.readers) reader.destroy();
		this.readers.clear();
	}

	private message(): string {
		return `event: report\ndata: ${JSON.stringify(String(reportMain(this.live.report())))}\n\n`;
	}

	private stream(request: IncomingMessage, response: ServerResponse): Reply | undefined {
		if (this.readers.size >= MOST_READERS)
			return { status: 503, type: 'text/plain; charset=utf-8', body: 'too many readers\n' };
		if (request.method === 'HEAD') return { type: 'text/event-stream', body: '' };
		response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }); // biome-ignore format: one list
		response.write(`retry: 3000\n\n${this.message()}`);
		// intervals may be longer than the server's patience; what waits for a reader is limited
		response.socket?.setTimeout(0);
		this.readers.add(response);
		response.on('close', () => this.readers.delete(response));
		return undefined;
	}
}
