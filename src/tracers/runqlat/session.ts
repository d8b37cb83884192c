/** A session of the run-queue tracer: intervals, changing options, and rows from accounts. */

import { addCosts } from '../../bpf/bpf-session.ts';
import { cgroupsOf, unnamedGroups } from '../../bpf/cgroups.ts';
import { filterOf, filterText } from '../../bpf/task-filter.ts';
import { Unavailable } from '../../core/errors.ts';
import type { Source } from '../../core/snapshot.ts';
import type { BpfCost, Host, Options, Reading, Session } from '../../core/tracer.ts';
import { IdleRows } from '../../lib/idle-rows.ts';
import { largest } from '../../lib/order.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Account } from './account.ts';
import { Accounts } from './accounts.ts';
import { Culprits } from './culprits.ts';
import type { Reader } from './reader.ts';
import { type TaskKind, taskRow, waitRow } from './rows.ts';
import type { Focus, RunqlatExtra, RunqlatRow } from './snapshot.ts';
import { EPOCHS } from './waits.ts';
import { DEFAULT_ZONES, log2Slots, parseZones } from './zones.ts';

const MAX_WAITING = 64;
const MAX_BLAMED = 64;

/** Interval of reads of all processes, so that one whose end was not reported is dropped. */
const FULL_READ_EVERY: Ns = 30e9;

export class RunqlatSession implements Session<RunqlatRow, RunqlatExtra> {
	private readonly host: Host;
	private readonly reader: Reader;
	private readonly accounts: Accounts;
	private readonly source: Source;
	private options: Options;
	private zones: Ns[];
	private culprits: Culprits | undefined;
	private threads = false;
	/** Rows of idle processes of the last read; undefined: not valid for the next one. */
	private idle: IdleRows<RunqlatRow> | undefined;
	private filterChanged = false;
	private refused: SafeText = safe``;
	/** Number of the running interval. Not from 0, the value of words that were never written. */
	private epoch = 8;
	private sinceFullRead: Ns = 0;
	private ringFull: Count = 0;
	private culpritsLost = { culprits: 0, culprits_unstamped: 0 };

	constructor(host: Host, reader: Reader, options: Options, group?: string) {
		this.host = host;
		this.reader = reader;
		this.accounts = new Accounts(reader.possibleCpus, cgroupsOf(host));
		this.options = options;
		const { kind, description, uncertainty, hooks, missing, lacks } = reader;
		const without = lacks === undefined ? {} : { lacks };
		this.source = {
			kind,
			description,
			uncertainty,
			hooks: [...hooks],
			missing: [...missing, ...unnamedGroups(host)],
			...without,
		};
		reader.begin(this.epoch, false, reader.hasThreads && group === 'thread');
		this.zones = zonesFrom(options);
		this.setCulprits(options['culprits'] === true, this.focused);
	}

	tune(changes: Options): void {
		const before = this.options;
		this.options = { ...before, ...changes };
		this.apply(before, this.options);
	}

	drain(): void {
		this.accounts.drain(this.reader, this.epoch);
	}

	read(dt: Ns, group: string): Reading<RunqlatRow, RunqlatExtra> {
		const { accounts, reader } = this;
		const ended = this.epoch;
		this.epoch = (this.epoch + 1) % EPOCHS;
		this.sinceFullRead += dt;
		const full = this.sinceFullRead >= FULL_READ_EVERY;
		if (full) this.sinceFullRead = 0;
		this.threads = reader.hasThreads && (group === 'thread' || this.focused > 0);
		accounts.startFrom(reader.begin(this.epoch, full, this.threads));
		const lost = accounts.read(reader, ended);
		// the interval of the change is of the filter before it
		if (this.filterChanged) {
			accounts.generation++;
			this.idle = undefined;
		}
		this.filterChanged = false;
		if (lost.ended_processes > this.ringFull) this.sinceFullRead = FULL_READ_EVERY;
		this.ringFull = lost.ended_processes;

		const all = waitRow({ kind: 'all', id: 0, comm: safe`all` }, accounts.all, this.zones);
		const rows = [all, ...(group === 'process' ? this.processRows() : this.rowsOf(group))];
		// before the sweep, which removes the processes that ended in this interval
		const processes = group === 'process' ? undefined : [...accounts.processes.rows()];
		const extra = this.extra(all);
		if (full || group !== 'process') this.idle = undefined;
		accounts.sweep(full, this.threads);
		return {
			rows,
			extra,
			source: this.source,
			lost: { ...lost, unlisted: accounts.beyond, ...this.culpritsLost },
			...(processes && { ungrouped: () => [all, ...this.taskRows('process', processes)] }),
		};
	}

	cost(fresh?: boolean): BpfCost {
		return addCosts(this.reader.cost(fresh), ...(this.culprits ? [this.culprits.cost(fresh)] : []));
	}

	close(): void {
		this.culprits?.close();
		this.reader.close();
	}

	private get focused(): number {
		return Number(this.options['focus'] ?? 0);
	}

	/** Apply changed options. Counters go on. */
	private apply(before: Options, options: Options): void {
		const changed = (...names: string[]): boolean => names.some((name) => before[name] !== options[name]);
		if (changed('pid', 'cgroup', 'cgroup_id', 'comm')) this.setFilter(before, options);
		if (changed('zones')) {
			this.zones = zonesFrom(options);
			this.idle = undefined;
		}
		if (changed('culprits', 'focus')) this.setCulprits(options['culprits'] === true, this.focused);
	}

	private setFilter(before: Options, options: Options): void {
		try {
			this.reader.setFilter(filterOf(options, this.host.procRoot));
			this.filterChanged = true;
			this.refused = safe``;
		} catch (error) {
			if (!(error instanceof Unavailable)) throw error;
			const { pid = 0, cgroup = '', cgroup_id = 0, comm = '' } = before;
			this.options = { ...options, pid, cgroup, cgroup_id, comm };
			this.refused = sanitize(error.message);
		}
	}

	private setCulprits(all: boolean, pid: number): void {
		if (!all && pid === 0) {
			this.culprits?.close();
			this.culprits = undefined;
			return;
		}
		if (!this.reader.hasThreads) return;
		this.culprits ??= new Culprits(this.host, 0);
		this.culprits.setWaiter(all ? 0 : pid);
	}

	private extra(all: RunqlatRow): RunqlatExtra {
		const { waitingNow } = this.accounts;
		const oldest = largest(waitingNow, MAX_WAITING, ({ age_ns }) => age_ns);
		const blamed = this.culprits?.read();
		if (blamed) this.culpritsLost = { culprits: blamed.full, culprits_unstamped: blamed.unstamped };
		const unit = this.options['unit'] === 'ms' ? 1e6 : 1e3;
		return {
			waiting: oldest.map((task) => ({ ...task, comm: sanitize(task.comm) })),
			waiting_count: waitingNow.length,
			cpus: this.cpuRows().map(({ key, count, wait_ns, p99_ns }) => ({ cpu: key.id, count, wait_ns, p99_ns })),
			zones_ns: this.zones,
			log2: log2Slots(all.buckets, unit),
			log2_unit_ns: unit,
			filter: sanitize(filterText(this.options, (id) => this.accounts.cgroupName(id))),
			refused: this.refused,
			culprits: blamed?.blamed.slice(0, MAX_BLAMED) ?? [],
			focus: this.focused > 0 ? this.focus(this.focused) : null,
		};
	}

	private focus(pid: number): Focus {
		const { processes, threads } = this.accounts;
		const ofPid = (account: Account) => account.pid === pid;
		return {
			pid,
			process: this.taskRows('process', [...processes.rows()].filter(ofPid)).at(-1) ?? null,
			threads: longest(this.taskRows('thread', [...threads.rows()].filter(ofPid))),
		};
	}

	private rowsOf(group: string): RunqlatRow[] {
		const { processes, threads, cgroups, pidns } = this.accounts;
		switch (group) {
			case 'cpu':
				return this.cpuRows();
			case 'thread':
				return this.taskRows('thread', threads.rows());
			case 'cgroup':
				return this.taskRows('cgroup', cgroups.values());
			case 'pidns':
				return this.taskRows('pidns', pidns.values());
			default:
				return this.taskRows('process', processes.rows());
		}
	}

	/** Processes with news first; then all idle ones, whose rows are reused. */
	private processRows(): RunqlatRow[] {
		const { processes } = this.accounts;
		const rows: RunqlatRow[] = [];
		const accounts = this.idle ? processes.news() : processes.rows();
		const idle = this.idle ?? new IdleRows();
		this.idle = idle;
		for (const account of accounts) {
			const listed = this.isListed(account);
			if (listed && isIdle(account)) {
				idle.set(account, this.taskRow('process', account));
				continue;
			}
			if (listed) rows.push(this.taskRow('process', account));
			if (listed && !account.ended) idle.hide(account);
			else idle.remove(account);
		}
		idle.appendTo(rows);
		return rows;
	}

	private taskRows(kind: TaskKind, accounts: Iterable<Account>): RunqlatRow[] {
		const rows: RunqlatRow[] = [];
		for (const account of accounts) if (this.isListed(account)) rows.push(this.taskRow(kind, account));
		return rows;
	}

	/** Accounts that waited, and alive ones that waited since start, under the current filter. */
	private isListed({ waits, ended, generation }: Account): boolean {
		return waits.count > 0 || (!ended && waits.count_total > 0 && generation === this.accounts.generation);
	}

	private taskRow(kind: TaskKind, account: Account): RunqlatRow {
		return taskRow(kind, account, this.zones, this.reader.hasThreads);
	}

	private cpuRows(): RunqlatRow[] {
		return this.accounts.cpus.flatMap(({ waits }, cpu) =>
			waits.count_total > 0 ? [waitRow({ kind: 'cpu', id: cpu, comm: safe`cpu${cpu}` }, waits, this.zones)] : [],
		);
	}
}

/** Would its row stay the same if nothing happened in the next interval either? */
function isIdle({ waits, switches }: Account): boolean {
	return waits.count === 0 && waits.moved_ns === 0 && switches.voluntary === 0 && switches.involuntary === 0;
}

function longest(threads: RunqlatRow[]): RunqlatRow[] {
	return threads
		.sort((a, b) => b.wait_ns - a.wait_ns)
		.slice(0, 100)
		.map((row) => ({ ...row, buckets: [] }));
}

function zonesFrom(options: Options): Ns[] {
	return parseZones(String(options['zones'] ?? DEFAULT_ZONES)) ?? [];
}
