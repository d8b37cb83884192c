/** `wattlag -v`: a line for every turn that a task had on a CPU, as it ends. */

import { systemReason, Unavailable } from '../../core/errors.ts';
import type { Host } from '../../core/tracer.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { fitCells } from '../../lib/width.ts';
import { openSlices } from '../slice-reader.ts';
import { RateLimit } from './rate-limit.ts';

/** The ring holds more than this time brings, ms. */
const DRAIN = 100;
/** Interval of reports of what was left out, ms. */
const TELL = 1000;

export interface SliceStreamOptions {
	/** Lines per second. */
	rate: number;
	/** Seconds; Infinity: until stopped. */
	duration: number;
	/** Prints; returns false when nobody reads any more. */
	print(text: string): boolean;
}

/** Wall clock of a CLOCK_MONOTONIC moment, to the microsecond. */
function clock(at: number, offset: number): string {
	const microseconds = Math.floor((at + offset) / 1000);
	const second = Math.floor(microseconds / 1e6);
	const time = new Date(second * 1000).toTimeString().slice(0, 8);
	return `${time}.${String(microseconds - second * 1e6).padStart(6, '0')}`;
}

const header = `${'TIME'.padEnd(15)} ${'CPU'.padStart(3)} ${'PID'.padStart(7)} ${'TID'.padStart(7)} ${'COMMAND'.padEnd(15)} ${'NS'.padStart(12)}\n`;

/**
 * Print slices until the time is over, `stop` aborts, or nobody reads. The hook is attached for as long and no longer.
 * Throws {@link Unavailable}.
 */
export async function streamSlices(host: Host, options: SliceStreamOptions, stop: AbortSignal): Promise<void> {
	const reader = openSlices(host, options.rate);
	const limit = new RateLimit(options.rate);
	const offset = Date.now() * 1e6 - monotonicNs();
	const until = performance.now() + options.duration * 1000;
	const losses = (): string => {
		const { suppressed, lost } = reader.left();
		const over = suppressed + limit.take();
		return over + lost > 0 ? `# ${over} slices suppressed (--rate ${options.rate}), ${lost} lost\n` : '';
	};
	try {
		let open = options.print(header);
		let next = performance.now() + TELL;
		while (open && !stop.aborted && performance.now() < until) {
			await new Promise((resolve) => setTimeout(resolve, Math.min(DRAIN, Math.max(0, until - performance.now()))));
			let text = '';
			reader.drain(({ end_ns, ns, tgid, tid, cpu, comm }) => {
				if (!limit.admits(end_ns)) return;
				text += `${clock(end_ns, offset)} ${String(cpu).padStart(3)} ${String(tgid).padStart(7)} ${String(tid).padStart(7)} ${fitCells(sanitize(comm), 15)} ${String(ns).padStart(12)}\n`;
			});
			if (performance.now() >= next || performance.now() >= until) {
				text += losses();
				next += TELL;
			}
			if (text !== '') open = options.print(text);
		}
	} catch (error) {
		if (error instanceof Unavailable) throw error;
		throw new Unavailable(`the stream of slices failed: ${systemReason(error)}`, 'run it again', error);
	} finally {
		reader.close();
	}
}
