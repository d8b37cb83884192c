/** Time that CPUs spent in interrupts, where the kernel keeps it apart from that of tasks: from `/proc/stat`. */
import type { Host } from '../../../core/tracer.ts';
import type { Ns } from '../../../lib/units.ts';
import { kernelText } from '../../../system/kernel-text.ts';
import { clockTicksPerSecond, parseCpuIrq, ticksToNs } from '../proc/stat.ts';
import type { PackageWork } from './cpu-use.ts';
import type { Placement } from './thread-use.ts';

/**
 * Does the kernel keep the time of interrupts apart from that of tasks? Its types have `struct irqtime` where it is built to
 * (CONFIG_IRQ_TIME_ACCOUNTING). On x86 it does so by the TSC, and not at all with `tsc=noirqtime` or where the TSC is not
 * stable: such a TSC is no clock source.
 */
export function keepsIrqTime({ addon, procRoot, sysRoot }: Pick<Host, 'addon' | 'procRoot' | 'sysRoot'>): boolean {
	if (!addon.hasType('struct', 'irqtime')) return false;
	// a member of the x86 kind of CPU description; other architectures have a clock that always serves
	if (!addon.hasType('struct', 'cpuinfo_x86')) return true;
	const options = kernelText(procRoot, 'cmdline')?.trim().split(/\s+/) ?? [];
	if (options.includes('tsc=noirqtime')) return false;
	const sources = kernelText(sysRoot, 'devices/system/clocksource/clocksource0/available_clocksource');
	return sources === undefined || sources.trim().split(/\s+/).includes('tsc');
}

/** A source of the time in interrupts. */
export interface InterruptTime {
	/** By CPU number, since the last read. */
	read(): Map<number, Ns>;
}

/** The kernel counts ns and shows clock ticks: a truncated rest appears in a later read. */
export class KernelIrqTime implements InterruptTime {
	private readonly procRoot: string;
	private readonly ticks = clockTicksPerSecond();
	private last: Map<number, number>;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.last = this.now();
	}

	read(): Map<number, Ns> {
		const now = this.now();
		const gained = new Map<number, Ns>();
		// a CPU that came online begins at its current count
		for (const [cpu, ticks] of now)
			gained.set(cpu, ticksToNs(Math.max(0, ticks - (this.last.get(cpu) ?? ticks)), this.ticks));
		this.last = now;
		return gained;
	}

	private now(): Map<number, number> {
		return parseCpuIrq(kernelText(this.procRoot, 'stat') ?? '');
	}
}

/** Weighted like the CPU time of tasks, so that both can be added. */
export function irqByPackage(times: ReadonlyMap<number, Ns>, placement: Placement): { irq: PackageWork[]; irq_ns: Ns } {
	const irq = Array.from(times, ([cpu, ns]) => ({
		work: ns * placement.speedOf(cpu),
		packageIndex: placement.packageOf(cpu),
	}));
	return { irq, irq_ns: [...times.values()].reduce((sum, ns) => sum + ns, 0) };
}
