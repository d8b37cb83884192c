/** Interrupts as the kernel counts them and as we do, under the same labels. */
import { readFileSync } from 'node:fs';
import type { Reading } from '../../src/core/tracer.ts';
import type { IrqExtra, IrqRow } from '../../src/tracers/irq/snapshot.ts';
import type { Counters } from './counters.ts';

/** Our vectors by the labels of /proc/interrupts. CAL counts both kinds of function calls. */
export const VECTOR_LABELS: Record<string, string> = {
	local_timer: 'LOC',
	reschedule: 'RES',
	call_function: 'CAL',
	call_function_single: 'CAL',
	irq_work: 'IWI',
	thermal_apic: 'TRM',
	threshold_apic: 'THR',
	deferred_error_apic: 'DFR',
};

export const SOFTIRQS = ['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU'];

/** Rows of /proc/interrupts (`36`, `LOC`) or /proc/softirqs (`NET_RX`), summed over the CPUs. */
function procTable(file: string): Counters {
	const counters: Counters = new Map();
	for (const line of readFileSync(file, 'utf8').split('\n')) {
		const [, label, numbers] = /^\s*(\w+):((?:\s+\d+)+)/.exec(line) ?? [];
		if (!label || !numbers) continue;
		const sum = numbers
			.trim()
			.split(/\s+/)
			.reduce((total, field) => total + Number(field), 0);
		counters.set(label, sum);
	}
	return counters;
}

/** Interrupts so far by the kernel's count. */
export function kernelInterrupts(): Counters {
	return new Map([...procTable('/proc/interrupts'), ...procTable('/proc/softirqs')]);
}

/** Ours, by the same labels. */
export function ourInterrupts(reading: Reading<IrqRow, IrqExtra>): Counters {
	const counters: Counters = new Map();
	for (const row of reading.rows) {
		const label = row.kind === 'hard' ? String(row.irq) : row.kind === 'soft' ? row.name : VECTOR_LABELS[row.name];
		if (label) counters.set(label, (counters.get(label) ?? 0) + row.count_total);
	}
	return counters;
}
