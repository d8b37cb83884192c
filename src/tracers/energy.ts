/**
 * Who burns the watts: CPU time of every task (the kernel's own counters through BPF, or `/proc`), and a source of
 * power whose energy is shared out by it. What does not belong to a task is named, so that the sum is the whole.
 */
import { type Account, Accounts, type Group, groups } from '../energy/accounts.ts';
import { attributePlaces, type Policy } from '../energy/attribution.ts';
import { cgroupName } from '../energy/cgroup-name.ts';
import type { CpuCounter, CpuUse } from '../energy/cpu-use.ts';
import { Processors } from '../energy/cpufreq.ts';
import { EnergyForecast, type Forecast } from '../energy/forecast.ts';
import { type GpuReader, shareGpuEnergy } from '../energy/gpu/gpu.ts';
import { openGpus } from '../energy/gpu/open.ts';
import { IoCount } from '../energy/io-count.ts';
import {
	counterPower,
	type DomainEnergy,
	describeSource,
	modelPower,
	noPower,
	type Power,
	seedPower,
} from '../energy/power.ts';
import { ProcCpu } from '../energy/proc-cpu.ts';
import { probeSources, type Rung, type SourceChoice, sourceChoices } from '../energy/sources/ladder.ts';
import type { EnergyHost } from '../energy/sources/source.ts';
import { Users } from '../energy/users.ts';
import { sparkline } from '../format.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import type { Count, MicroJoules, Ns, Watts } from '../units.ts';
import { BpfCpu } from './energy-bpf.ts';
import {
	type BpfCost,
	type Column,
	type Host,
	type Options,
	type Reading,
	type Session,
	type Tracer,
	Unavailable,
} from './tracer.ts';

export interface EnergyRow {
	/** Process id (tgid) in the initial pid namespace; 0: the row is a group of processes. */
	pid: number;
	/** Start of the process, ns since boot (CLOCK_BOOTTIME): with the pid it names a process for good. */
	start_time: Ns;
	/** In the view by thread. */
	tid?: number;
	/** Name of the process, thread or group. */
	comm: SafeText;
	cgroup: SafeText;
	/** Name of its effective user. */
	user: SafeText;
	cpu_ns: Ns;
	cpu_ns_total: Ns;
	energy_uj: MicroJoules;
	energy_uj_total: MicroJoules;
	watts: Watts;
	/** Part of the energy measured in the interval, idle included; 0–1. */
	share: number;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
	/** Processes in the group. */
	processes: Count;
	/** The energy of this interval was not measured: the zeros here are no figures. */
	unmeasured?: true;
	/** Beside, never inside, `energy_uj`; only on machines with a GPU. */
	gpu_uj?: MicroJoules;
	gpu_uj_total?: MicroJoules;
	/** Watts (share of a CPU where there are no watts) in the last intervals, oldest first; left out when all are 0. */
	history?: number[];
}

/** One GPU in one interval. Its energy is beside, never inside, `measured_uj`. */
export interface GpuUse {
	name: SafeText;
	/** null: it does not tell. */
	energy_uj: MicroJoules | null;
	/** Part that no process is known to have caused. */
	unattributed_uj: MicroJoules;
	/** Busy time of its processes; null: it does not tell. */
	busy_ns: Ns | null;
}

/** The next seconds as foretold. */
export interface EnergyForecastField extends Partial<Forecast> {
	seconds: number;
	/** Not enough has been seen yet: the other fields are missing. */
	learning: boolean;
}

/** Σ rows.energy_uj + idle_uj + irq_uj + unattributed_uj = measured_uj, always. */
export interface EnergyExtra {
	measured_uj: MicroJoules;
	idle_uj: MicroJoules;
	irq_uj: MicroJoules;
	unattributed_uj: MicroJoules;
	/** false: the energy of this interval is not known, and the figures above are 0 without meaning. */
	measured: boolean;
	/** What is special about this interval. */
	marked: SafeText[];
	/** Interrupt time that is in no row's CPU time. */
	irq_ns: Ns;
	/** Every counter that was read, those outside of the total too. */
	domains: DomainEnergy[];
	/** Empty: no GPU. */
	gpus: GpuUse[];
	forecast: EnergyForecastField;
	/** Processes alive / ended in this interval. */
	alive: Count;
	ended: Count;
}

/** Everything an {@link EnergySession} is made of. */
interface Parts {
	cpu: CpuCounter;
	power: Power;
	processors: Processors;
	gpus: GpuReader[];
	rungs: readonly Rung[];
	policy: Policy;
	/** Seconds to be foretold. */
	horizon: number;
	procRoot: string;
}

class EnergySession implements Session<EnergyRow, EnergyExtra> {
	private readonly parts: Parts;
	private readonly accounts = new Accounts();
	private readonly users = new Users();
	private readonly forecast = new EnergyForecast();
	private readonly io: IoCount;
	/** Rows of the last read by process. */
	processes: () => EnergyRow[] = () => [];

	constructor(parts: Parts) {
		this.parts = parts;
		this.io = new IoCount(parts.procRoot);
		// the first call is what it learns from
		this.forecast.forecast(parts.horizon);
	}

	read(dt: Ns, group: string): Reading<EnergyRow, EnergyExtra> {
		const { cpu, power, processors, rungs, policy } = this.parts;
		processors.tick();
		const use = cpu.read();
		// what has no place was spent everywhere alike
		const loose = (use.unattributed_ns + use.irq_ns) / processors.cpus.length;
		const work = processors.cpus.map(() => loose);
		for (const { place, work: part } of use.used) work[place] = (work[place] ?? 0) + part;
		const { places, known, marked, domains, uncertainty } = power.read(dt, work);
		const { rows_uj, ...sums } = attributePlaces(places, use.used, use.unattributed_ns, use.irq_ns, policy);

		this.accounts.begin();
		for (const [index, { task, cpu_ns }] of use.used.entries()) {
			this.accounts.charge(task, cpu_ns, rows_uj[index] as MicroJoules);
		}
		const gpus = this.readGpus(dt, use);
		const kind = (cpu.threads || group !== 'thread' ? group : 'process') as Group;
		// µJ / ns = kW; to mW and ‰ of a CPU
		const figure = ({ energy_uj, cpu_ns }: Account) => {
			if (!known && power.kind !== 'time') return Number.NaN;
			return Math.round(((known ? energy_uj * 1000 : cpu_ns) / dt) * 1000) / 1000;
		};
		const accounts = this.accounts.list(kind, use.processes, use.threads, figure);
		const rows = accounts.map((account) => this.row(account, kind, known, sums.measured_uj, dt));
		this.processes = () =>
			this.accounts.charged().map((account) => this.row(account, 'process', known, sums.measured_uj, dt));
		rows.sort((a, b) => b.cpu_ns - a.cpu_ns);
		return {
			rows,
			extra: {
				...sums,
				measured: known,
				marked,
				irq_ns: use.irq_ns,
				domains,
				gpus,
				forecast: this.foretell(dt, known ? sums.measured_uj : null, work),
				alive: use.alive,
				ended: use.ended,
			},
			source: { ...describeSource(power, uncertainty, cpu.about), rungs },
			lost: use.lost,
		};
	}

	cost(): BpfCost {
		const { cpu } = this.parts;
		return cpu instanceof BpfCpu ? cpu.cost() : { ns: 0, runs: 0, recursionMisses: 0 };
	}

	close(): void {
		const { cpu, power, gpus } = this.parts;
		cpu.close();
		power.close();
		for (const gpu of gpus) gpu.close();
	}

	private readGpus(dt: Ns, use: CpuUse): GpuUse[] {
		const { gpus } = this.parts;
		if (gpus.length === 0) return [];
		const processes = new Map(use.processes.map((process) => [process.pid, process]));
		// a process can only keep a GPU busy that has run itself
		const ran = new Set(use.used.map(({ task }) => task.process.pid));
		return gpus.flatMap((gpu) =>
			gpu.read(dt, ran).map((reading): GpuUse => {
				const shares = shareGpuEnergy(reading, dt);
				let { unattributed_uj } = shares;
				for (const { pid, energy_uj } of shares.processes) {
					const process = processes.get(pid);
					if (process === undefined) unattributed_uj += energy_uj;
					else {
						const { start, comm } = process;
						this.accounts.charge({ process, tid: pid, start, comm, alive: true }, 0, 0, energy_uj);
					}
				}
				const busy = reading.processes?.reduce((sum, { busy_ns }) => sum + busy_ns, 0) ?? null;
				return { name: reading.name, energy_uj: reading.energy_uj, unattributed_uj, busy_ns: busy };
			}),
		);
	}

	private foretell(dt: Ns, measured: MicroJoules | null, work: readonly number[]): EnergyForecastField {
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

	private row(account: Account, kind: Group, known: boolean, measured_uj: MicroJoules, dt: Ns): EnergyRow {
		const { task, cpu_ns, cpu_ns_total, energy_uj, energy_uj_total, processes, threads, history } = account;
		const { process } = task;
		const single = kind === 'process' || kind === 'thread';
		const user = this.users.name(process.uid);
		return {
			pid: single ? process.pid : 0,
			start_time: single ? process.start : 0,
			...(kind === 'thread' && { tid: task.tid }),
			comm:
				kind === 'thread'
					? task.comm
					: kind === 'cgroup'
						? cgroupName(process.cgroup)
						: kind === 'user'
							? user
							: process.comm,
			cgroup: single || kind === 'cgroup' ? process.cgroup : safe``,
			user: single || kind === 'user' ? user : safe``,
			cpu_ns,
			cpu_ns_total,
			energy_uj,
			energy_uj_total,
			// µJ / ns = kW
			watts: dt > 0 ? (energy_uj / dt) * 1000 : 0,
			share: measured_uj > 0 ? energy_uj / measured_uj : 0,
			threads,
			processes: kind === 'thread' ? 1 : processes,
			...(!known && { unmeasured: true as const }),
			...(this.parts.gpus.length > 0 && { gpu_uj: account.gpu_uj, gpu_uj_total: account.gpu_uj_total }),
			...(history.length > 0 && { history }),
		};
	}
}

const columns: readonly Column<EnergyRow>[] = [
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process id in the initial pid namespace; – for a group of processes.',
		value: (row) => row.pid || Number.NaN,
	},
	{
		key: 'tid',
		title: 'TID',
		kind: 'pid',
		width: 7,
		priority: 2,
		help: 'Thread id.',
		shown: (snapshot) => (snapshot as { group?: string }).group === 'thread',
		value: (row) => row.tid ?? Number.NaN,
	},
	{
		key: 'watts',
		title: 'WATTS',
		kind: 'watts',
		width: 7,
		priority: 0,
		help: 'Power that this process used on average in the interval. Idle, what the machine draws even when nothing runs, is apart in the line above.',
		value: (row) => (row.unmeasured ? Number.NaN : row.watts),
	},
	{
		key: 'history',
		title: 'TREND',
		kind: 'text',
		width: 8,
		priority: 5,
		help: "Power in the last eight intervals, the newest on the right; the tallest bar is this row's most.",
		value: (row) => sparkline(row.history ?? [], 8),
	},
	{
		key: 'share',
		title: 'SHARE',
		kind: 'share',
		width: 6,
		priority: 5,
		help: 'Part of all energy of the interval, idle energy included in the whole.',
		value: (row) => (row.unmeasured ? Number.NaN : row.share),
	},
	{
		key: 'energy_uj',
		title: 'ENERGY',
		kind: 'microjoules',
		width: 7,
		priority: 4,
		help: 'Energy charged to this process in the interval.',
		value: (row) => (row.unmeasured ? Number.NaN : row.energy_uj),
	},
	{
		key: 'energy_uj_total',
		title: 'TOTAL',
		kind: 'microjoules',
		width: 7,
		priority: 3,
		help: 'Energy charged to this process since wattlag started.',
		value: (row) => (row.unmeasured && row.energy_uj_total === 0 ? Number.NaN : row.energy_uj_total),
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'share',
		width: 6,
		priority: 2,
		help: 'CPU time used per time passed, 100 % being one CPU (kernel counter sum_exec_runtime, all threads).',
		value: (row, seconds) => row.cpu_ns / (seconds * 1e9),
	},
	{
		key: 'cpu_ns_total',
		title: 'CPU TIME',
		kind: 'ns',
		width: 8,
		priority: 6,
		help: 'CPU time used since wattlag started, all threads.',
		value: (row) => row.cpu_ns_total,
	},
	{
		key: 'gpu_uj',
		title: 'GPU',
		kind: 'microjoules',
		width: 7,
		priority: 2,
		help: 'Energy that GPUs used for this process in the interval, by the time it kept them busy; beside the other energies, not in them.',
		shown: (snapshot) => ((snapshot as { gpus?: unknown[] }).gpus?.length ?? 0) > 0,
		value: (row) => row.gpu_uj ?? Number.NaN,
	},
	{
		key: 'threads',
		title: 'THR',
		kind: 'count',
		width: 5,
		priority: 7,
		help: 'Threads alive at the end of the interval; 0: the process has ended.',
		value: (row) => row.threads,
	},
	{
		key: 'user',
		title: 'USER',
		kind: 'text',
		width: 8,
		priority: 9,
		help: 'Name of the effective user.',
		value: (row) => row.user,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		priority: 1,
		help: 'Name of the process as it was last set (comm, at most 15 bytes), or of the group.',
		value: (row) => row.comm,
	},
	{
		key: 'cgroup',
		title: 'CGROUP',
		kind: 'text',
		width: 20,
		grow: true,
		priority: 8,
		help: 'Control group in the unified hierarchy; #id where it is gone or not visible from here.',
		value: (row) => row.cgroup,
	},
];

export const energy: Tracer<EnergyRow, EnergyExtra> = {
	id: 'energy',
	title: 'Energy',
	summary: 'watts, joules and CPU time of every process; idle, what is drawn even when nothing runs, belongs to none',
	columns,
	defaultSort: 'watts',
	groups,
	options: [
		{
			name: 'source',
			type: 'string',
			default: 'auto',
			choices: sourceChoices,
			placeholder: 'NAME',
			help: 'where watts come from; time: none',
		},
		{
			name: 'power',
			short: 'p',
			type: 'number',
			default: 15,
			min: 0.001,
			max: 100_000,
			placeholder: 'WATTS',
			help: 'power of the machine with all CPUs busy (TDP), for the model',
		},
		{
			name: 'idle',
			type: 'number',
			default: 0,
			min: 0,
			max: 100_000,
			placeholder: 'WATTS',
			help: 'power of the machine with all CPUs idle, for the model (0: --idle-share of --power)',
		},
		{
			name: 'idle-share',
			type: 'number',
			default: 20,
			min: 0,
			max: 100,
			placeholder: 'PERCENT',
			help: 'part of --power that is used when all CPUs are idle, for the model; processors idle at 10 to 30 % of their TDP',
		},
		{
			name: 'frequency-exponent',
			type: 'number',
			default: 2,
			min: 0,
			max: 4,
			placeholder: 'N',
			help: 'power of a busy CPU grows with its frequency to this, 1 to 3 as a rule (needs cpufreq)',
		},
		{
			name: 'policy',
			type: 'string',
			default: 'active',
			choices: ['active', 'idle-spread', 'seed'],
			placeholder: 'NAME',
			help: 'idle energy apart, or shared out, or watts / CPUs × seconds',
		},
		{ name: 'seed-compatible', type: 'boolean', default: false, help: 'the same as --policy seed' },
		{
			name: 'forecast',
			type: 'number',
			default: 10,
			min: 1,
			max: 3600,
			placeholder: 'SECONDS',
			help: 'how far the energy is foretold',
		},
	],
	rowKey: (row) =>
		row.pid > 0 ? `${row.pid}:${row.start_time}:${row.tid ?? ''}` : `${row.comm}|${row.cgroup}|${row.user}`,
	start,
};

/** The addon, or null where it cannot be loaded: then there are no counters that need it. */
function addonOf(host: Host): Host['addon'] | null {
	try {
		return host.addon;
	} catch {
		return null;
	}
}

/** CPU time through BPF; from `/proc` when that was asked for, or when nothing else works and nobody insists. */
function openCpu(
	host: Host,
	processors: Processors,
	wanted: SourceChoice,
): { cpu: CpuCounter; instead: Unavailable | undefined } {
	if (wanted === 'proc') return { cpu: new ProcCpu(host.procRoot), instead: undefined };
	try {
		return { cpu: new BpfCpu(host, processors), instead: undefined };
	} catch (error) {
		if (wanted !== 'auto') throw error;
		const reason = sanitize(error instanceof Error ? error.message : String(error));
		const fix = error instanceof Unavailable ? error.fix : 'run as root: sudo npm start';
		return { cpu: new ProcCpu(host.procRoot), instead: new Unavailable(reason, fix, error) };
	}
}

function start(host: Host, options: Options): Session<EnergyRow, EnergyExtra> {
	const number = (name: string, fallback: number): number => Number(options[name] ?? fallback);
	const wanted = (options['source'] ?? 'auto') as SourceChoice;
	const seed = options['seed-compatible'] === true || options['policy'] === 'seed';
	if (seed && !['auto', 'model', 'proc'].includes(wanted)) {
		throw new Unavailable(`the policy seed is a model and cannot use --source ${wanted}`, 'leave out --source');
	}
	const tdp = number('power', 15);
	const idleShare = number('idle', 0) > 0 ? Math.min(1, number('idle', 0) / tdp) : number('idle-share', 20) / 100;
	const processors = new Processors(host.sysRoot, seed ? 0 : number('frequency-exponent', 2), host.cpus);
	const parameters = { tdp, idleShare, cpus: processors.cpus.reduce((sum, count) => sum + count, 0) };
	const addon = addonOf(host);
	const energyHost: EnergyHost = { sysRoot: host.sysRoot, procRoot: host.procRoot, addon };
	// /proc tells the time of whole processes only, not where it was spent: what counts is the machine
	const ladder = probeSources(energyHost, seed ? 'model' : wanted);
	const opened: { close(): void }[] = ladder.source ? [ladder.source] : [];
	try {
		const library = process.env['WATTLAG_NVML_LIBRARY'];
		const { readers } = openGpus({ ...energyHost, addon, ...(library !== undefined && { nvmlLibrary: library }) });
		opened.push(...readers);
		// the others take their time: the intervals of CPU time and of energy begin together, here
		const { cpu, instead } = openCpu(host, processors, wanted);
		opened.push(cpu);
		ladder.source?.read(1e6);
		const power = ladder.source
			? counterPower(ladder.source, processors, idleShare)
			: ladder.kind === 'time'
				? noPower()
				: seed
					? seedPower(parameters)
					: modelPower(parameters, processors);
		return new EnergySession({
			cpu,
			power: withCpu(power, cpu, instead),
			processors,
			gpus: readers,
			rungs: ladder.rungs.map((rung) =>
				instead && rung.kind === 'proc'
					? { ...rung, state: 'chosen', reason: `CPU time from /proc, since ${instead.message}`, fix: instead.fix }
					: rung,
			),
			policy: options['policy'] === 'idle-spread' ? 'idle-spread' : 'active',
			horizon: number('forecast', 10),
			procRoot: host.procRoot,
		});
	} catch (error) {
		for (const part of opened) part.close();
		throw error;
	}
}

/** Say that CPU time is from `/proc`, and why, before anything else. */
function withCpu(power: Power, cpu: CpuCounter, instead: Unavailable | undefined): Power {
	if (!(cpu instanceof ProcCpu)) return power;
	const why = instead ? `${instead.message}: ${instead.fix}; so CPU time is from /proc; ` : '';
	return {
		...power,
		kind: power.kind === 'model' ? 'proc' : power.kind,
		description: `${why}${power.description}`,
	};
}
