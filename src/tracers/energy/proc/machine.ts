/** Times of the whole machine from `/proc`, and its clock. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Unavailable } from '../../../core/errors.ts';
import type { Ns } from '../../../lib/units.ts';
import { type MachineTimes, parseMachineStat, ticksToNs } from './stat.ts';

/** Enough for the first line, the sum of all CPUs. */
const LINE_BYTES = 2048;

export class ProcMachine {
	private readonly root: string;
	private readonly ticks: number;
	private readonly line = Buffer.alloc(LINE_BYTES);
	private readonly statFd: number;
	private uptimeFd = -1;
	private last: MachineTimes;

	/** @param ticks clock ticks per second. Throws {@link Unavailable} without proc. */
	constructor(root: string, ticks: number) {
		this.root = root;
		this.ticks = ticks;
		try {
			this.statFd = openSync(join(root, 'stat'), 'r');
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			throw new Unavailable(`cannot read ${root}/stat: ${code}`, 'mount proc there', error);
		}
		try {
			this.last = this.now();
		} catch (error) {
			closeSync(this.statFd);
			throw error;
		}
		try {
			this.uptimeFd = openSync(join(root, 'uptime'), 'r');
		} catch {
			// see `uptime`
		}
	}

	/** Times of the CPUs since the last call, ns. IO wait can decrease, and all of them when a CPU goes offline: 0 then. */
	read(): MachineTimes {
		const was = this.last;
		const now = this.now();
		this.last = now;
		const ns = (key: keyof MachineTimes): Ns => Math.max(0, ticksToNs(now[key] - was[key], this.ticks));
		return {
			busy: ns('busy'),
			idle: ns('idle'),
			iowait: ns('iowait'),
			irq: ns('irq'),
			softirq: ns('softirq'),
			steal: ns('steal'),
		};
	}

	/** Clock ticks since boot, on the clock of process starts; 0: not known, so that all new entries count as new processes. */
	uptime(): number {
		if (this.uptimeFd < 0) return 0;
		const seconds = Number.parseFloat(this.line.toString('latin1', 0, readSync(this.uptimeFd, this.line, 0, 64, 0)));
		return Number.isFinite(seconds) ? Math.floor(seconds * this.ticks + 1e-6) : 0;
	}

	/** Idempotent; no other call may follow. */
	close(): void {
		for (const fd of [this.uptimeFd, this.statFd]) {
			try {
				if (fd >= 0) closeSync(fd);
			} catch {
				// already closed
			}
		}
	}

	private now(): MachineTimes {
		const times = parseMachineStat(this.line, readSync(this.statFd, this.line, 0, LINE_BYTES, 0));
		if (times === undefined)
			throw new Unavailable(`${this.root}/stat does not begin with the times of all CPUs`, 'mount proc there');
		return times;
	}
}
