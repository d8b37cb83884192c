/** Runs a command and measures it: its process tree, and the energy of the machine meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Unavailable } from '../../core/errors.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { EnergyExtra, EnergyRow } from '../../tracers/energy/snapshot.ts';
import { energy } from '../../tracers/energy/tracer.ts';
import { commandEnvironment } from '../command-environment.ts';
import { BpfTree, type ProcessTree, type TreeUse, WaitedTree } from './process-tree.ts';

/** Length of an interval at first; doubled whenever the samples are too many. */
const INTERVAL: Ns = 100e6;
/** Samples of a run: a power of two. */
const MOST_SAMPLES = 512;
/** A task's last figures come an RCU grace period after its end: so long they are waited for, ms. */
const PATIENCE = 300;
const POLL = 2;

/** Power over one interval of a run. */
export interface PowerSample {
	/** End of the interval since the begin of the run. */
	at_ns: Ns;
	dt_ns: Ns;
	/** Of the command; null: not measured. */
	energy_uj: MicroJoules | null;
	/** Of everything that the source measures; null: not measured. */
	machine_energy_uj: MicroJoules | null;
	/** CPU time of the command; null: not known before its end. */
	cpu_ns: Ns | null;
}

/** One run of the command. Figures are of its whole process tree until the command's exit; null: not known. */
export interface Run extends Omit<TreeUse, 'missing' | 'unfinished' | 'alive'> {
	/** Of the command: its code, or 128 + the signal's number. */
	exit_code: number;
	wall_ns: Ns;
	io_bytes: Bytes | null;
	/** Without idle energy (except --policy idle-spread). */
	energy_uj: MicroJoules | null;
	/** Mean power over the wall time. */
	watts: Watts | null;
	/** Of everything that the source measures, over `measured_ns`. */
	machine_energy_uj: MicroJoules | null;
	/** The part of it that is drawn when nothing runs. */
	machine_idle_uj: MicroJoules | null;
	machine_watts: Watts | null;
	/** The wall time and the milliseconds until the last task's figures were there. */
	measured_ns: Ns;
	/** Time that the first and the last reading took: counters and CPU times are of some moment in each. */
	edges_ns: Ns;
	/** Tasks that are still alive: their figures are those until the exit of the command. */
	left_running: Count;
	/** CPU time of the measurement itself; not in `cpu_ns`, but in the machine's energy. */
	own_cpu_ns: Ns;
	samples: PowerSample[];
	lost: Record<string, Count>;
}

export interface Measurement {
	runs: Run[];
	source: Source;
	/** Of the CPU times and waits. */
	tree: Pick<ProcessTree, 'description' | 'uncertainty' | 'missing'>;
}

/** The command could not be started; the message is one line. */
export class StartError extends Error {
	readonly exitCode: number;

	/** @param exitCode as shells use them: 127 not found, 126 not executable */
	constructor(message: string, exitCode: number) {
		super(message);
		this.exitCode = exitCode;
	}
}

type EnergySession = Session<EnergyRow, EnergyExtra>;
type EnergyReading = Pick<Reading<EnergyRow, EnergyExtra>, 'rows' | 'extra'>;

function openTree(host: Host): ProcessTree {
	try {
		return new BpfTree(host);
	} catch (error) {
		if (!(error instanceof Unavailable)) throw error;
		return new WaitedTree(host.procRoot, error.message);
	}
}

function start([file, ...words]: readonly [string, ...string[]]): Promise<ChildProcess> {
	return new Promise((resolve, reject) => {
		const child = spawn(file, words, { stdio: 'inherit', env: commandEnvironment() });
		child.once('spawn', () => resolve(child));
		child.once('error', (error: NodeJS.ErrnoException) => {
			const why = error.code === 'ENOENT' ? 'not found' : `cannot be started (${error.code})`;
			reject(new StartError(`${sanitize(file)}: ${why}`, error.code === 'ENOENT' ? 127 : 126));
		});
	});
}

/** Sums over the readings of a run. */
class Energy {
	machine_uj: MicroJoules = 0;
	idle_uj: MicroJoules = 0;
	measured_ns: Ns = 0;
	known = true;
	private tree_uj: MicroJoules = 0;
	/** CPU time of all processes and interrupts. */
	private cpu_ns: Ns = 0;

	/** One interval. @returns the tree's part; null: not measured, or not known before the end */
	add({ rows, extra }: EnergyReading, tree: ProcessTree, dt: Ns): MicroJoules | null {
		const { measured, measured_uj, idle_uj, irq_ns, irq_in_rows_ns } = extra;
		this.measured_ns += dt;
		this.cpu_ns += rows.reduce((sum, row) => sum + row.cpu_ns, irq_ns - irq_in_rows_ns);
		if (!measured) this.known = false;
		if (!measured) return null;
		this.machine_uj += measured_uj;
		this.idle_uj += idle_uj;
		if (!tree.names) return null;
		const part = rows.reduce((sum, row) => sum + (tree.has(row.pid, row.start_time) ? row.energy_uj : 0), 0);
		this.tree_uj += part;
		return part;
	}

	/** Of the tree. @param cpu its CPU time, by which the energy is shared where its processes are not known */
	ofTree({ names }: ProcessTree, cpu: Ns): MicroJoules {
		return names ? this.tree_uj : shareByTime(this.machine_uj - this.idle_uj, cpu, this.cpu_ns);
	}
}

/** Part of an energy in proportion to CPU time, at most all of it. */
export function shareByTime(active: MicroJoules, cpu: Ns, all: Ns): MicroJoules {
	return all > 0 ? Math.round(active * Math.min(1, cpu / all)) : 0;
}

/** Every two neighbours become one. */
export function mergeSamples(samples: readonly PowerSample[]): PowerSample[] {
	const plus = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a + b);
	const merged: PowerSample[] = [];
	for (let i = 0; i < samples.length; i += 2) {
		const [a, b] = [samples[i] as PowerSample, samples[i + 1]];
		merged.push(
			b === undefined
				? a
				: {
						at_ns: b.at_ns,
						dt_ns: a.dt_ns + b.dt_ns,
						energy_uj: plus(a.energy_uj, b.energy_uj),
						machine_energy_uj: plus(a.machine_energy_uj, b.machine_energy_uj),
						cpu_ns: plus(a.cpu_ns, b.cpu_ns),
					},
		);
	}
	return merged;
}

/** Measures runs of commands, one at a time. */
export class Meter {
	readonly tree: ProcessTree;
	private readonly session: EnergySession;
	private source: Source | undefined;

	/** Everything is loaded here, before the command starts. @throws {Unavailable} */
	constructor(host: Host, options: Options) {
		// first: it has the last record of a task when the tree has it
		this.session = energy.start(host, { ...options, 'by-scan': true });
		try {
			this.tree = openTree(host);
		} catch (error) {
			this.session.close();
			throw error;
		}
	}

	/** What the energies come from; only after a run. */
	get about(): Source {
		return this.source as Source;
	}

	/**
	 * Start the command, wait for its exit. Signals that end this program are passed on to it.
	 * @throws {StartError}
	 */
	async run(command: readonly [string, ...string[]]): Promise<Run> {
		const { tree } = this;
		const energy = new Energy();
		let samples: PowerSample[] = [];
		let interval = INTERVAL;
		let last = monotonicNs();
		this.session.read(1, 'process');
		const own = process.cpuUsage();
		const begun = monotonicNs();
		let edge = begun - last;
		const first = edge;
		let cpu = 0;
		tree.arm();
		const child = await start(command);
		const exited = new Promise<{ code: number; at: Ns }>((resolve) =>
			child.once('exit', (code, signal) =>
				resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0), at: monotonicNs() }),
			),
		);
		const stopPassing = passSignals(child);
		const sample = (use: TreeUse): void => {
			const now = monotonicNs();
			const reading = this.session.read(now - last, 'process');
			edge = monotonicNs() - now;
			// it may take long, or be interrupted, which is much of a short run
			const dt = reading.span_ns ?? now - last;
			this.source = reading.source;
			last = now;
			const used = use.cpu_ns - cpu;
			cpu = use.cpu_ns;
			const part = energy.add(reading, tree, dt);
			samples.push({
				at_ns: now - begun,
				dt_ns: dt,
				energy_uj: part,
				machine_energy_uj: reading.extra.measured ? reading.extra.measured_uj : null,
				cpu_ns: tree.names ? used : null,
			});
			if (samples.length < MOST_SAMPLES) return;
			samples = mergeSamples(samples);
			interval *= 2;
		};
		try {
			for (;;) {
				const timer = new AbortController();
				const wait = setTimeout(interval / 1e6, 'due', { signal: timer.signal }).catch(() => 'due');
				const next = await Promise.race([wait, exited]);
				timer.abort();
				if (typeof next === 'object') break;
				sample(tree.read());
			}
		} finally {
			stopPassing();
		}
		const { code, at } = await exited;
		const use = await this.settled();
		sample(use);
		const used = process.cpuUsage(own);
		const tree_uj = energy.ofTree(tree, use.cpu_ns);
		const wall = tree.wall() ?? at - begun;
		const { missing, unfinished, alive, ...figures } = use;
		const known = energy.known ? (value: number): number => value : (): null => null;
		// W = µJ / ns × 1000
		const watts = (uj: number, ns: Ns): number | null => (energy.known && ns > 0 ? (uj / ns) * 1000 : null);
		return {
			exit_code: code,
			wall_ns: wall,
			...figures,
			io_bytes: use.read_bytes === null || use.write_bytes === null ? null : use.read_bytes + use.write_bytes,
			energy_uj: known(tree_uj),
			watts: watts(tree_uj, wall),
			machine_energy_uj: known(energy.machine_uj),
			machine_idle_uj: known(energy.idle_uj),
			machine_watts: watts(energy.machine_uj, energy.measured_ns),
			measured_ns: energy.measured_ns,
			edges_ns: first + edge,
			left_running: alive,
			own_cpu_ns: (used.user + used.system) * 1000,
			samples,
			lost: { ...tree.lost(), missing_tasks: Math.max(0, missing), unfinished_tasks: unfinished },
		};
	}

	close(): void {
		this.tree.close();
		this.session.close();
	}

	/** The figures of the tree, once every task of it is either alive or has left its last figures. */
	private async settled(): Promise<TreeUse> {
		for (let left = PATIENCE; ; left -= POLL) {
			this.session.drain?.();
			const use = this.tree.read();
			if ((use.missing === 0 && use.unfinished === 0) || left <= 0) return use;
			await setTimeout(POLL);
		}
	}
}

/**
 * Signals of the terminal reach the command directly: here they only must not end the measurement. Those that were sent
 * to this program are passed on. Returns what ends this.
 */
function passSignals(child: ChildProcess): () => void {
	const ignore = (): void => {};
	const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
	process.on('SIGINT', ignore).on('SIGQUIT', ignore).on('SIGTERM', pass).on('SIGHUP', pass);
	return () => process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', pass).off('SIGHUP', pass);
}
