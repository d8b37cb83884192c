/** Maker and packages of the processors, from proc and sysfs, and the accuracy of their energy counters. */
import { join } from 'node:path';
import type { Source } from '../../../core/snapshot.ts';
import { readOptional } from './sysfs.ts';

function topology(sysRoot: string, cpu: number, attribute: string): number | null {
	const text = readOptional(join(sysRoot, `devices/system/cpu/cpu${cpu}/topology/${attribute}`));
	// -1: not reported by the firmware
	return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** Physical package of a CPU, the number in `package-N`; null: offline or not reported. */
export function packageOfCpu(sysRoot: string, cpu: number): number | null {
	return topology(sysRoot, cpu, 'physical_package_id');
}

/** Die of a CPU within its package; null as above. */
export function dieOfCpu(sysRoot: string, cpu: number): number | null {
	return topology(sysRoot, cpu, 'die_id');
}

/** Accuracy of the energy counters of these processors. DRAM is an estimate on many boards. */
export function counterAccuracy(procRoot: string, dram: boolean): Pick<Source, 'uncertainty'> & { percent: number } {
	const vendor = /^vendor_id\s*:\s*(\w+)/m.exec(readOptional(join(procRoot, 'cpuinfo')) ?? '')?.[1];
	const intel = vendor === 'GenuineIntel';
	const percent = intel ? 5 : 10;
	const who = intel
		? 'the processor measures itself'
		: vendor === 'AuthenticAMD'
			? 'the processor estimates from its activity'
			: 'the counter of an unknown processor';
	return { percent, uncertainty: `±${percent} % of the counted total (${who}${dram ? '; DRAM alone ±20 %' : ''})` };
}
