/** `wattlag compare --live`: the kernel's counters and the traditional sampler of /proc over the same seconds. */
import { setTimeout } from 'node:timers/promises';
import { explain } from '../../bpf/explain.ts';
import type { Host } from '../../core/tracer.ts';
import { threadCpu } from '../../lib/clock.ts';
import type { Ns } from '../../lib/units.ts';
import { BpfCpu } from '../../tracers/energy/cpu/bpf-cpu.ts';
import type { CpuUse } from '../../tracers/energy/cpu/cpu-use.ts';
import { Processors } from '../../tracers/energy/power/cpufreq.ts';
import { activeEnergy, type ModelParameters } from '../../tracers/energy/power/model.ts';
import { ProcCpu } from '../../tracers/energy/proc/cpu.ts';
import { type ComparedProcess, type Comparison, LiveComparison } from './live.ts';

export interface CompareOptions {
	/** Seconds. */
	duration: number;
	/** How both sides turn CPU time into energy: what differs is the CPU time. */
	model: Omit<ModelParameters, 'cpus'>;
}

/** All processes of an interval, those without CPU time too. */
function processesOf(use: CpuUse, model: ModelParameters): ComparedProcess[] {
	const time = new Map<object, Ns>(use.processes.map((process) => [process, 0]));
	for (const { task, cpu_ns } of use.used) time.set(task.process, (time.get(task.process) ?? 0) + cpu_ns);
	const all = new Set([...use.processes, ...use.used.map(({ task }) => task.process)]);
	return [...all].map((process) => {
		const cpu_ns = time.get(process) ?? 0;
		const energy_uj = Math.round(activeEnergy(model, cpu_ns));
		return { pid: process.pid, start_time: process.start, comm: process.comm, cpu_ns, energy_uj };
	});
}

function enableStatistics(host: Host): { close(): void } {
	try {
		return host.addon.enableStats();
	} catch (error) {
		throw explain(host, 'compare', 'measure what BPF costs', error);
	}
}

/** Throws {@link Unavailable} where one of the sides is not available. */
export async function compareLive(
	host: Host,
	{ duration, model }: CompareOptions,
	stop: AbortSignal,
): Promise<Comparison> {
	const processors = new Processors(host.sysRoot, 0, host.cpus);
	const parameters = { ...model, cpus: processors.cpus.reduce((sum, count) => sum + count, 0) };
	// times are compared: neither where nor how fast they were spent matters
	const weighting = { packageOf: () => 0, speedOf: () => 1 };
	const bpf = new BpfCpu(host, { weighting, packages: 1, interrupts: false });
	let proc: ProcCpu | undefined;
	let statistics: { close(): void } | undefined;
	try {
		statistics = enableStatistics(host);
		proc = new ProcCpu(host.procRoot);
		const comparison = new LiveComparison();
		let hooks = bpf.cost().ns;
		for (let left = duration; left > 0 && !stop.aborted; left -= 1) {
			// a signal ends the wait, and what there is so far is read
			await setTimeout(Math.min(1, left) * 1000, undefined, { signal: stop }).catch(() => {});
			const before = threadCpu();
			const use = bpf.read();
			const reading = threadCpu() - before;
			const cost = bpf.cost().ns;
			const theirs = proc.read();
			// what ran in the hooks; the iterator's time is in the reading already
			comparison.add('bpf', { rows: processesOf(use, parameters), cost_ns: cost - hooks + reading });
			comparison.add('proc', { rows: processesOf(theirs, parameters), cost_ns: proc.last.cost_ns });
			comparison.addMachine({ seconds: proc.last.dt_ns / 1e9, busy_ns: proc.last.busy_ns, irq_ns: proc.last.irq_ns });
			hooks = bpf.cost().ns;
		}
		return comparison.result();
	} finally {
		statistics?.close();
		bpf.close();
		proc?.close();
	}
}
