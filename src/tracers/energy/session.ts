/** Joins CPU time of tasks with the energy of each interval. */

import { addCosts } from '../../bpf/bpf-session.ts';
import type { BpfCost, Options, Reading, Session } from '../../core/tracer.ts';
import { IdleRows } from '../../lib/idle-rows.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { MicroJoules, Ns } from '../../lib/units.ts';
import { cgroupName } from '../../system/cgroup-name.ts';
import { Users } from '../../system/users.ts';
import { type Account, Accounts, type Group, isIdle } from './accounts.ts';
import type { CpuCounter, CpuUse } from './cpu/cpu-use.ts';
import type { MissCounter } from './cpu/misses.ts';
import { EnergyForecast } from './forecast.ts';
import { type GpuReader, shareGpuEnergy } from './gpu/gpu.ts';
import { IoCount } from './io-count.ts';
import type { MachineParts } from './machine-parts.ts';
import { attributeMemory, attributePackages, type Policy, plus } from './power/attribution.ts';
import { ClassUse } from './power/class-use.ts';
import type { Processors } from './power/cpufreq.ts';
import { describeSource, type Power } from './power/power.ts';
import type { Weighting } from './power/weighting.ts';
import type { Rest, WakeCauseField } from './rest/rest.ts';
import type { EnergyExtra, EnergyFocus, EnergyForecastField, EnergyRow, GpuUse } from './snapshot.ts';
import type { Candidate } from './sources/candidates.ts';

/** Threads listed of the process in focus. */
const FOCUS_THREADS = 100;

/** Components of an {@link EnergySession}. */
export interface Parts {
	cpu: CpuCounter;
	power: Power;
	processors: Processors;
	weighting: Pick<Weighting, 'kind' | 'why'> & Partial<Pick<Weighting, 'limits'>>;
	rest: Pick<Rest, 'wanted' | 'busy' | 'read' | 'hooks' | 'cost' | 'close'>;
	machine: Pick<MachineParts, 'read' | 'missing' | 'hooks' | 'cost' | 'close'>;
	gpus: GpuReader[];
	/** By these the energy of memory is divided; a reason: it is divided by work. */
	misses?: MissCounter | SafeText;
	/** Those of the moment, where they change. */
	candidates: readonly Candidate[] | (() => readonly Candidate[]);
	policy: Policy;
	/** Seconds ahead that are predicted. */
	horizon: number;
	procRoot: string;
}

export class EnergySession implements Session<EnergyRow, EnergyExtra> {
	private readonly parts: Parts;
	private readonly accounts = new Accounts();
	private readonly users = new Users();
	private readonly forecast = new EnergyForecast();
	private readonly io: IoCount;
	private readonly classes: ClassUse;
	private focused = 0;
	/** Wake-ups by cause are asked for, whatever the group. */
	private restWanted = false;
	/** Rows of idle processes of the last read; undefined: not valid for the next one. */
	private idle: IdleRows<EnergyRow> | undefined;
	/** Energy of devices was divided among processes, in some interval. */
	private divided = false;
	private wasKnown = false;
	private answers = 0;
	private hadWakes = false;
	/** Intervals are those between the readings of CPU times, whatever the caller took: in short ones a late reading is much. */
	private byScan = false;
	private scannedAt: Ns | undefined;

	constructor(parts: Parts) {
		this.parts = parts;
		this.io = new IoCount(parts.procRoot);
		this.classes = new ClassUse(parts.processors);
		// learning begins with the first call
		this.forecast.forecast(parts.horizon);
	}

	/** @param group of the first read */
	tune(changes: Options, group?: string): void {
		this.focused = Number(changes['focus'] ?? this.focused);
		this.byScan = Boolean(changes['by-scan'] ?? this.byScan);
		this.restWanted = Boolean(changes['rest'] ?? this.restWanted);
		this.parts.rest.wanted(this.restWanted || group === 'cause');
	}

	drain(): void {
		this.parts.cpu.drain?.();
	}

	read(asked: Ns, group: string): Reading<EnergyRow, EnergyExtra> {
		const { cpu, power, processors, weighting, candidates, policy, rest } = this.parts;
		rest.wanted(this.restWanted || group === 'cause');
		const busy = rest.busy(asked);
		processors.tick(busy);
		const use = cpu.read();
		const span = this.byScan ? this.span(use) : undefined;
		const dt = span ?? asked;
		const work = workByPackage(use, processors.cpus.length);
		const { packages, memory, known, marked, domains, uncertainty } = power.read(dt, work);
		const { used, unattributed_ns: unattributed, irq } = use;
		const ofPackages = attributePackages(packages, used, unattributed, irq, policy);
		const misses = typeof this.parts.misses === 'object' ? this.parts.misses : undefined;
		const missesOf = misses?.read() ?? new Map();
		const { rows_uj, ...sums } = memory
			? plus(ofPackages, attributeMemory(memory, used, missesOf, { unattributed, irq, policy }))
			: ofPackages;

		this.accounts.begin(dt);
		for (const [index, { task, cpu_ns }] of use.used.entries()) {
			this.accounts.charge(task, cpu_ns, rows_uj[index] as MicroJoules);
		}
		const gpus = this.readGpus(dt, use);
		const activeCpu = use.used.reduce((sum, { cpu_ns }) => sum + cpu_ns, use.irq_ns);
		const resting = rest.read(dt, known && activeCpu > 0 ? (sums.measured_uj - sums.idle_uj) / activeCpu : null);
		if (resting.wakes) this.chargeWakes(use, resting.wakes.causes);
		const kind = (group === 'cause' || (!cpu.threads && group === 'thread') ? 'process' : group) as Group;
		// µJ / ns = kW; to mW and ‰ of a CPU
		const figure = ({ energy_uj, cpu_ns }: Account) => {
			if (!known && power.kind !== 'time') return Number.NaN;
			return Math.round(((known ? energy_uj * 1000 : cpu_ns) / dt) * 1000) / 1000;
		};
		const classes = this.classes.update({
			dt,
			busy,
			measured_uj: known ? sums.measured_uj : null,
			active_uj: sums.measured_uj - sums.idle_uj,
			cpu_ns: activeCpu,
			counter: domains.length > 0,
		});
		const { machine, bill } = this.parts.machine.read(
			dt / 1e9,
			{ measured_uj: known ? sums.measured_uj : null, scope: power.scope, domains, gpus },
			use.used.map(({ task }) => task.process),
			(process, uj) => this.accounts.chargeDevice(process, uj),
		);
		const divided = machine.parts.some(({ processes_uj }) => processes_uj !== null);
		if (divided && !this.divided) this.idle = undefined;
		this.divided ||= divided;
		const wakes = resting.wakes !== null;
		const row = (account: Account, of = kind): EnergyRow => {
			const made = this.row(account, of, known, sums.measured_uj, dt);
			if (wakes && of !== 'thread') made.wakes = account.wakes;
			return made;
		};
		// rows contain whether energy is known: idle ones are rebuilt where that has changed
		if (kind !== 'process' || known !== this.wasKnown || wakes !== this.hadWakes) this.idle = undefined;
		if (this.users.answers !== this.answers) this.idle = undefined;
		this.answers = this.users.answers;
		this.wasKnown = known;
		this.hadWakes = wakes;
		const accounts =
			kind === 'process' && this.idle
				? this.accounts.news(use.changed, figure)
				: this.accounts.list(kind, use.processes, use.threads, figure);
		const rows =
			kind === 'process'
				? this.processRows(accounts, row)
				: Array.from(accounts, (account) => row(account)).sort(mostFirst);
		const described = describeSource(power, uncertainty, cpu.about, weighting);
		const byMisses = memory && misses ? [`energy of memory by ${misses.standIn || 'cache misses'}`] : [];
		return {
			rows: group === 'cause' ? causeRows(resting.wakes?.causes ?? []) : rows,
			extra: {
				...sums,
				measured: known,
				marked,
				irq_ns: use.irq_ns,
				irq_in_rows_ns: Math.min(use.irq_ns, use.irq_in_tasks_ns),
				domains,
				gpus,
				forecast: this.predict(dt, known ? sums.measured_uj : null, work),
				alive: use.alive,
				ended: use.ended,
				focus: this.focus(known, sums.measured_uj, dt),
				rest: resting,
				classes,
				machine,
				bill,
			},
			source: {
				...described,
				description: [described.description, ...byMisses].join('; '),
				hooks: [...described.hooks, ...rest.hooks, ...this.parts.machine.hooks, ...(misses?.hooks ?? [])],
				missing: [
					...(described.missing ?? []),
					...this.parts.machine.missing,
					...(typeof this.parts.misses === 'string' ? [this.parts.misses] : []),
				],
				candidates: typeof candidates === 'function' ? candidates() : candidates,
			},
			lost: {
				...use.lost,
				...(resting.wakes && { wakes_full: resting.wakes.full }),
				...(misses && { misses_unread: misses.unread }),
			},
			...(span !== undefined && { span_ns: span }),
			...(group !== 'process' && {
				ungrouped: () => this.accounts.charged().map((account) => row(account, 'process')),
			}),
		};
	}

	cost(fresh?: boolean): BpfCost {
		const { cpu, rest, machine, misses } = this.parts;
		const costs = [cpu.cost?.(fresh), rest.cost(fresh), machine.cost(fresh)];
		if (typeof misses === 'object') costs.push(misses.cost(fresh));
		return addCosts(...costs.filter((cost) => cost !== undefined));
	}

	close(): void {
		const { cpu, power, gpus, rest, machine, misses } = this.parts;
		machine.close();
		if (typeof misses === 'object') misses.close();
		cpu.close();
		rest.close();
		power.close();
		for (const gpu of gpus) gpu.close();
	}

	/** Between the readings of CPU times; undefined: not known. */
	private span({ at_ns }: CpuUse): Ns | undefined {
		const before = this.scannedAt;
		this.scannedAt = at_ns;
		return at_ns === undefined || before === undefined ? undefined : at_ns - before;
	}

	/** Of processes that are known: a process that was woken has run. */
	private chargeWakes(use: CpuUse, causes: readonly WakeCauseField[]): void {
		const ran = new Map(use.used.map(({ task: { process } }) => [`${process.pid}:${process.start}`, process]));
		for (const { pid, start_time, wakes } of causes) {
			const process = pid > 0 ? ran.get(`${pid}:${start_time}`) : undefined;
			if (process) this.accounts.wake(process, wakes);
		}
	}

	/** Processes with news first, by CPU time; then all idle ones, whose rows are reused. */
	private processRows(news: Iterable<Account>, row: (account: Account) => EnergyRow): EnergyRow[] {
		const idle = this.idle ?? new IdleRows();
		this.idle = idle;
		const rows: EnergyRow[] = [];
		for (const account of news) {
			const { threads } = account.task.process;
			const made = row(account);
			if (threads > 0 && account.history.length === 0 && isIdle(account)) {
				idle.set(account, made);
				continue;
			}
			rows.push(made);
			if (threads > 0) idle.hide(account);
			else idle.remove(account);
		}
		rows.sort(mostFirst);
		idle.appendTo(rows);
		return rows;
	}

	private readGpus(dt: Ns, use: CpuUse): GpuUse[] {
		const { gpus } = this.parts;
		if (gpus.length === 0) return [];
		const processes = new Map(use.processes.map((process) => [process.pid, process]));
		// only a process that has run can keep a GPU busy
		const ran = new Set(use.used.map(({ task }) => task.process.pid));
		return gpus.flatMap((gpu) =>
			gpu.read(dt, ran).map((reading): GpuUse => {
				const shares = shareGpuEnergy(reading, dt);
				let { unattributed_uj } = shares;
				for (const { pid, energy_uj } of shares.processes) {
					const process = processes.get(pid);
					if (process === undefined) unattributed_uj += energy_uj;
					else this.accounts.chargeGpu(process, energy_uj);
				}
				const busy = reading.processes?.reduce((sum, { busy_ns }) => sum + busy_ns, 0) ?? null;
				return { name: reading.name, energy_uj: reading.energy_uj, unattributed_uj, busy_ns: busy };
			}),
		);
	}

	private predict(dt: Ns, measured: MicroJoules | null, work: readonly number[]): EnergyForecastField {
		const { processors, horizon } = this.parts;
		const seconds = dt / 1e9;
		const io = this.io.read();
		if (measured !== null && seconds > 0) {
			const cpus = processors.cpus.reduce((sum, count) => sum + count, 0);
			const { frequency_ghz } = processors;
			this.forecast.update({
				seconds,
				joules: measured / 1e6,
				utilisation: work.reduce((sum, part) => sum + part, 0) / (dt * cpus),
				...(frequency_ghz !== undefined && { frequency_ghz }),
				...(io !== undefined && { io_per_s: io / seconds }),
			});
		}
		const forecast = this.forecast.forecast(horizon);
		return { seconds: horizon, learning: forecast === undefined, ...forecast };
	}

	private focus(known: boolean, measured_uj: MicroJoules, dt: Ns): EnergyFocus | null {
		const pid = this.focused;
		if (pid === 0) return null;
		const found = this.accounts.ofProcess(pid);
		const row = (account: Account, kind: Group) => this.row(account, kind, known, measured_uj, dt);
		return {
			pid,
			process: found ? row(found.process, 'process') : null,
			threads: this.parts.cpu.threads
				? (found?.threads ?? []).slice(0, FOCUS_THREADS).map((thread) => row(thread, 'thread'))
				: [],
		};
	}

	/** One literal, and fields that not all rows have after it: thousands are made in an interval. */
	private row(account: Account, kind: Group, known: boolean, measured_uj: MicroJoules, dt: Ns): EnergyRow {
		const { task, cpu_ns, energy_uj, history } = account;
		const { process } = task;
		const single = kind === 'process' || kind === 'thread';
		const user = this.users.name(process.uid);
		const cgroup = single || kind === 'cgroup' ? process.cgroup : safe``;
		const row: EnergyRow = {
			pid: single ? process.pid : 0,
			start_time: single ? process.start : 0,
			comm: process.comm,
			cgroup,
			user: single || kind === 'user' ? user : safe``,
			cpu_ns,
			cpu_ns_total: account.cpu_ns_total,
			energy_uj,
			energy_uj_total: account.energy_uj_total,
			// µJ / ns = kW
			watts: dt > 0 ? (energy_uj / dt) * 1000 : 0,
			share: measured_uj > 0 ? energy_uj / measured_uj : 0,
			threads: account.threads,
			processes: kind === 'thread' ? 1 : account.processes,
		};
		if (kind === 'thread') {
			row.tid = task.tid;
			row.comm = task.comm;
		} else if (kind === 'cgroup') row.comm = cgroupName(cgroup);
		else if (kind === 'user') row.comm = user;
		if (!known) row.unmeasured = true;
		if (this.divided) {
			row.device_uj = account.device_uj;
			row.device_uj_total = account.device_uj_total;
		}
		if (this.parts.gpus.length > 0) {
			row.gpu_uj = account.gpu_uj;
			row.gpu_uj_total = account.gpu_uj_total;
		}
		if (history.length > 0) row.history = history;
		return row;
	}
}

/** Rows of the group `cause`: they have wake-ups, and no energy of their own. */
function causeRows(causes: readonly WakeCauseField[]): EnergyRow[] {
	const nothing = {
		pid: 0,
		start_time: 0,
		cgroup: safe``,
		user: safe``,
		cpu_ns: 0,
		cpu_ns_total: 0,
		energy_uj: 0,
		energy_uj_total: 0,
		watts: 0,
		share: 0,
		threads: 0,
		unmeasured: true as const,
	};
	return Array.from(
		Map.groupBy(causes, ({ cause }) => cause),
		([comm, all]): EnergyRow => ({
			...nothing,
			comm,
			processes: new Set(all.map(({ pid }) => pid).filter((pid) => pid > 0)).size,
			wakes: all.reduce((sum, { wakes }) => sum + wakes, 0),
			wake_uj: all.reduce<number | null>(
				(sum, { wake_uj }) => (sum === null || wake_uj === null ? null : sum + wake_uj),
				0,
			),
		}),
	).sort((a, b) => (b.wakes ?? 0) - (a.wakes ?? 0));
}

function mostFirst(a: EnergyRow, b: EnergyRow): number {
	return b.cpu_ns - a.cpu_ns;
}

/** All work, by package; work without a package is divided among all equally. */
function workByPackage({ used, irq, unattributed_ns }: CpuUse, packages: number): number[] {
	const work = new Array<number>(packages).fill(0);
	let loose = unattributed_ns;
	for (const parts of [used, irq]) {
		for (const { packageIndex, work: part } of parts) {
			if (packageIndex === null) loose += part;
			else work[packageIndex] = (work[packageIndex] ?? 0) + part;
		}
	}
	return work.map((part) => part + loose / packages);
}
