/** Counts of interrupts against /proc/interrupts and /proc/softirqs. */
import { cpus } from 'node:os';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { between, type Sample, sample } from '../truth/counters.ts';
import { realHost, seconds } from '../truth/host.ts';
import { kernelInterrupts, ourInterrupts, SOFTIRQS, VECTOR_LABELS } from '../truth/irq-counters.ts';
import { directIo, flood, loopback, onDisk, pipeAcrossCpus } from '../truth/load.ts';
import { type Check, checkCounters } from './check.ts';
import { countHidden, INTERRUPTS } from './hidden.ts';

/** Fewer than this say nothing about a share. */
const ENOUGH = 500;

export async function interrupts(): Promise<Check[]> {
	const session = irq.start(realHost(), {});
	const take = (): Sample => sample(kernelInterrupts, () => ourInterrupts(session.read(1e9, 'line')));
	try {
		await seconds(0.2);
		const stop = await countHidden(INTERRUPTS);
		const from = take();
		await onDisk((directory) => directIo(directory, 8000));
		await Promise.all([loopback(10_000), flood(20_000), pipeAcrossCpus(40_000)]);
		const samples = { from, to: take() };
		const hidden = await stop();
		const compare = (figure: string, file: string, unit: string, label: string, keys = [label]): Check =>
			checkCounters(figure, `/proc/${file}`, unit, samples, keys, {
				bound: 0.005,
				hidden: hidden.get(label) ?? 0,
				// one event on each CPU
				slack: cpus().length,
			});
		const lines = [...samples.to.after.keys()].filter((label) => /^\d+$/.test(label));
		const happened = (label: string): boolean => between(from, samples.to, label).least >= ENOUGH;
		const vectors = [...new Set(Object.values(VECTOR_LABELS))].filter(happened);
		return [
			compare('hard IRQs, all lines', 'interrupts', 'IRQs', 'hard', lines),
			...vectors.map((label) => compare(`CPU's own: ${label}`, 'interrupts', 'IRQs', label)),
			...SOFTIRQS.filter(happened).map((name) => compare(`softirq ${name}`, 'softirqs', 'softirqs', name)),
		];
	} finally {
		session.close();
	}
}
