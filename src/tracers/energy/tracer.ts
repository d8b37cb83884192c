/**
 * Energy per process: CPU time of every task (the kernel's own counters through BPF, or `/proc`), and a source of power
 * whose energy is divided by it. Energy that no task used is listed by cause, so that the sum is the total.
 */

import { BECOME_ROOT, Unavailable } from '../../core/errors.ts';
import type { Host, Options, Session, Tracer } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { isolatedCpus, parseCpuList } from '../../system/cpus.ts';
import { BpfCpu, hasTaskStorage } from './cpu/bpf-cpu.ts';
import type { PerfEvent } from './cpu/counters.ts';
import type { CpuCounter } from './cpu/cpu-use.ts';
import { CycleCounters, hardwareCycles } from './cpu/cycles.ts';
import { CacheMisses, hardwareMisses } from './cpu/misses.ts';
import { energyDescription } from './description.ts';
import { openMoves } from './devices/moved.ts';
import { Rails } from './devices/rails.ts';
import { openGpus } from './gpu/open.ts';
import { hasCoefficient, MachineParts } from './machine-parts.ts';
import type { SourceChoice, WeightChoice } from './options.ts';
import { Processors } from './power/cpufreq.ts';
import { FollowingPower } from './power/following.ts';
import { counterPower, countsMemory, modelPower, noPower, type Power, seedPower } from './power/power.ts';
import { chooseWeighting, type Weighting } from './power/weighting.ts';
import { ProcCpu } from './proc/cpu.ts';
import { Rest } from './rest/rest.ts';
import { EnergySession } from './session.ts';
import type { EnergyExtra, EnergyRow } from './snapshot.ts';
import { type ProbedSources, probeSources } from './sources/candidates.ts';
import type { EnergyHost } from './sources/source.ts';

export const energy: Tracer<EnergyRow, EnergyExtra> = {
	...energyDescription,
	start,
};

/** The addon; null where it cannot be loaded, so that counters that need it are not available. */
function addonOf(host: Host): Host['addon'] | null {
	try {
		return host.addon;
	} catch {
		return null;
	}
}

/** The counter of CPU time and its weights. */
interface Counting {
	cpu: CpuCounter;
	weighting: Weighting;
	/** Why CPU time is not counted through BPF; undefined: it is, or `/proc` was requested. */
	instead: Unavailable | undefined;
}

/** An event of the processor; tests substitute one that every machine has. */
function perfEvent(variable: string, real: PerfEvent): PerfEvent {
	const event = /^(\d{1,9}):(\d{1,15})$/.exec(process.env[variable] ?? '');
	return event ? { type: Number(event[1]), config: Number(event[2]) } : real;
}

function openWeighting(host: Host, processors: Processors, wanted: WeightChoice): Weighting {
	return chooseWeighting(wanted, processors, () => {
		if (!hasTaskStorage(host.addon))
			throw new Unavailable('this kernel has no task storage', 'use Linux 5.11 or newer, or leave out --weight');
		const undisturbed = parseCpuList(isolatedCpus(host.sysRoot));
		const event = perfEvent('WATTLAG_CYCLES_EVENT', hardwareCycles);
		return new CycleCounters(host.addon, processors.online, event, undisturbed);
	});
}

/** CPU time through BPF; from `/proc` where that is wanted, or where BPF fails and no option requires it. */
function openCpu(
	host: Host,
	processors: Processors,
	wanted: SourceChoice,
	weight: WeightChoice,
	interrupts: boolean,
): Counting {
	// /proc has the time of whole processes only, without packages
	const byProc = (instead?: Unavailable): Counting => ({
		cpu: new ProcCpu(
			host.procRoot,
			instead ? [`${instead.message}: CPU time is from /proc, in clock ticks, and short processes are missed`] : [],
		),
		weighting: chooseWeighting('time', processors, () => {
			throw new TypeError('not asked for');
		}),
		instead,
	});
	if (wanted === 'proc') return byProc();
	let weighting: Weighting | undefined;
	try {
		weighting = openWeighting(host, processors, weight);
		const packages = processors.packages.length;
		return { cpu: new BpfCpu(host, { weighting, packages, interrupts }), weighting, instead: undefined };
	} catch (error) {
		weighting?.cycles?.close();
		if (wanted !== 'auto' || weight !== 'auto') throw error;
		const reason = sanitize(error instanceof Error ? error.message : String(error));
		const fix = error instanceof Unavailable ? error.fix : BECOME_ROOT;
		return byProc(new Unavailable(reason, fix, error));
	}
}

/** Cache misses, by which the energy of memory is divided; else the reason why it is divided by CPU time. */
function openMisses(host: Host, processors: Processors): CacheMisses | SafeText {
	try {
		return new CacheMisses(host, processors.online, perfEvent('WATTLAG_MISSES_EVENT', hardwareMisses));
	} catch (error) {
		const reason = sanitize(error instanceof Error ? error.message : String(error));
		return safe`${reason}: energy of memory is divided by CPU time`;
	}
}

function start(host: Host, options: Options, group?: string): Session<EnergyRow, EnergyExtra> {
	const number = (name: string, fallback: number): number => Number(options[name] ?? fallback);
	const wanted = (options['source'] ?? 'auto') as SourceChoice;
	const seed = options['seed-compatible'] === true || options['policy'] === 'seed';
	if (seed && !['auto', 'model', 'proc'].includes(wanted)) {
		throw new Unavailable(`the policy seed is a model and cannot use --source ${wanted}`, 'leave out --source');
	}
	const tdp = number('power', 15);
	const idleShare = number('idle', 0) > 0 ? Math.min(1, number('idle', 0) / tdp) : number('idle-share', 20) / 100;
	const weight = seed ? 'time' : ((options['weight'] ?? 'auto') as WeightChoice);
	const exponent = weight === 'time' ? 0 : number('frequency-exponent', 2);
	const processors = new Processors(host.sysRoot, exponent, host.cpus);
	const parameters = { tdp, idleShare, cpus: processors.cpus.reduce((sum, count) => sum + count, 0) };
	const addon = addonOf(host);
	const energyHost: EnergyHost = { sysRoot: host.sysRoot, procRoot: host.procRoot, addon };
	const probed = probeSources(energyHost, seed ? 'model' : wanted);
	const opened: { close(): void }[] = probed.source ? [probed.source] : [];
	try {
		const library = process.env['WATTLAG_NVML_LIBRARY'];
		const { readers } = openGpus({ ...energyHost, addon, ...(library !== undefined && { nvmlLibrary: library }) });
		opened.push(...readers);
		// last, since the others take time: the intervals of CPU time and of energy begin together here
		const { cpu, weighting, instead } = openCpu(host, processors, wanted, weight, !seed);
		opened.push(cpu);
		const misses = probed.source && countsMemory(probed.source) ? openMisses(host, processors) : undefined;
		if (typeof misses === 'object') opened.push(misses);
		probed.source?.read(1e6);
		const open = ({ source, kind }: ProbedSources): Power =>
			withCpu(
				source
					? counterPower(source, processors, idleShare, typeof misses === 'object')
					: kind === 'time'
						? noPower()
						: seed
							? seedPower(parameters)
							: modelPower(parameters, processors),
				cpu,
				instead,
			);
		// a source that was named is used, delivering or not
		const following =
			wanted === 'auto' && !seed
				? new FollowingPower(probed, { probe: (without) => probeSources(energyHost, 'auto', without), open })
				: undefined;
		const rest = new Rest(host, processors);
		opened.push(rest);
		const rails = new Rails(host.sysRoot, probed.source?.hooks ?? []);
		const estimated = hasCoefficient(options);
		const moves = openMoves(host, {
			disk: estimated.disk || rails.has('disk'),
			network: estimated.network || rails.has('network'),
		});
		opened.push(moves);
		const session = new EnergySession({
			cpu,
			power: following ?? open(probed),
			processors,
			weighting,
			rest,
			machine: new MachineParts(host, options, { rails, moves }),
			gpus: readers,
			...(misses !== undefined && { misses }),
			candidates: () =>
				(following ?? probed).candidates.map((candidate) =>
					instead && candidate.kind === 'proc'
						? {
								...candidate,
								state: 'chosen',
								reason: `CPU time from /proc, since ${instead.message}`,
								fix: instead.fix,
							}
						: candidate,
				),
			policy: options['policy'] === 'idle-spread' ? 'idle-spread' : 'active',
			horizon: number('forecast', 10),
			procRoot: host.procRoot,
		});
		// after a restart of the worker the focus is still set
		session.tune(options, group);
		return session;
	} catch (error) {
		for (const part of opened) part.close();
		throw error;
	}
}

/** Put the note that CPU time is from `/proc`, and why, first. */
function withCpu(power: Power, cpu: CpuCounter, instead: Unavailable | undefined): Power {
	if (!(cpu instanceof ProcCpu)) return power;
	const why = instead ? `${instead.message}: ${instead.fix}; so CPU time is from /proc; ` : '';
	return {
		...power,
		kind: power.kind === 'model' ? 'proc' : power.kind,
		description: `${why}${power.description}`,
	};
}
