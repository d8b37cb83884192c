/** CPU time from `/proc`, sampled by an own timer: the counter that needs no privilege. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { CpuCounter, CpuUse, ProcessInfo, TaskInfo } from '../cpu/cpu-use.ts';
import { type ProcRow, SAMPLE_PERIOD } from './reading.ts';
import { ProcSampler } from './sampler.ts';

interface Known extends TaskInfo, ProcessInfo {
	process: ProcessInfo;
	comm: ProcRow['comm'];
	cgroup: ProcRow['cgroup'];
	threads: number;
	alive: boolean;
	/** Number of the last reading that listed it. */
	seen: number;
}

export class ProcCpu implements CpuCounter {
	readonly about: CpuCounter['about'];
	readonly threads = false;
	private readonly sampler: ProcSampler;
	private readonly procRoot: string;
	private readonly known = new Map<string, Known>();
	private readonly timer: NodeJS.Timeout;
	private failure: unknown;
	private readings = 0;
	/** Own cost of the last interval, and the machine's times in it. */
	last = { cost_ns: 0, busy_ns: 0, irq_ns: 0, dt_ns: 0 };

	/** @param missing why no other counter is used, as in `Source` */
	constructor(procRoot: string, missing: readonly string[] = []) {
		this.procRoot = procRoot;
		this.sampler = new ProcSampler({ procRoot });
		const { description, uncertainty, hooks } = this.sampler.source();
		this.about = { description, uncertainty, hooks, missing };
		this.timer = setInterval(() => {
			try {
				this.sampler.sample();
			} catch (error) {
				// the next read fails too, and is reported
				this.failure = error;
			}
		}, SAMPLE_PERIOD / 1e6);
		this.timer.unref();
	}

	read(): CpuUse {
		if (this.failure !== undefined) throw this.failure;
		const { rows, alive, ended, machine, missed_ns, cost_ns, dt_ns, lost } = this.sampler.read();
		this.readings++;
		const irq_ns = machine.irq + machine.softirq;
		this.last = { cost_ns, busy_ns: machine.busy, irq_ns, dt_ns };
		const tasks = rows.map((row) => this.know(row));
		for (const [key, task] of this.known) if (task.seen !== this.readings) this.known.delete(key);
		return {
			used: rows.flatMap((row, index) =>
				row.cpu_ns > 0
					? [{ task: tasks[index] as Known, cpu_ns: row.cpu_ns, work: row.cpu_ns, packageIndex: null }]
					: [],
			),
			processes: tasks,
			changed: tasks,
			threads: () => tasks,
			// interrupts are in the machine's busy time but in no process's
			unattributed_ns: Math.max(0, missed_ns - irq_ns),
			irq: [{ work: irq_ns, packageIndex: null }],
			irq_ns,
			irq_in_tasks_ns: 0,
			alive,
			ended,
			lost,
		};
	}

	close(): void {
		clearInterval(this.timer);
		this.sampler.close();
	}

	/** Always the same object for one process. */
	private know(row: ProcRow): Known {
		const key = `${row.pid}:${row.start_time}`;
		let known = this.known.get(key);
		if (known === undefined) {
			known = {
				pid: row.pid,
				tid: row.pid,
				start: row.start_time,
				comm: row.comm,
				cgroup: row.cgroup,
				uid: this.owner(row.pid),
				threads: row.threads,
				alive: true,
				seen: 0,
			} as unknown as Known;
			known.process = known;
			this.known.set(key, known);
		}
		known.comm = row.comm;
		known.cgroup = row.cgroup;
		known.threads = row.threads;
		known.alive = row.threads > 0;
		known.seen = this.readings;
		return known;
	}

	/** The owner of a process's folder is its effective user. */
	private owner(pid: number): number {
		try {
			return statSync(join(this.procRoot, String(pid))).uid;
		} catch {
			return -1;
		}
	}
}
