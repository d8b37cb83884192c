/** Where watts could come from: every candidate, GPUs, the clock of the CPUs. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { Host } from '../../core/tracer.ts';
import { openGpus } from '../../tracers/energy/gpu/open.ts';
import { Processors } from '../../tracers/energy/power/cpufreq.ts';
import { type Check, check } from './check.ts';

/** @param snapshot of the energy tab, where it has one */
export function energyChecks(host: Host, snapshot: Snapshot | undefined): Check[] {
	const candidates = (snapshot?.source.candidates ?? []).map(({ kind, state, reason, fix }) =>
		// the first one that works is used, and it is no fault of a machine to have no other
		check(`source ${kind}`, state === 'chosen' ? 'ok' : 'info', [state, reason], fix),
	);
	const shared = snapshot?.source.weighting;
	return [
		...candidates,
		...(snapshot ? [check('watts', 'ok', [snapshot.source.uncertainty, shared ? `shared out by ${shared}` : ''])] : []),
		cpufreq(host),
		...gpus(host),
	];
}

function cpufreq({ sysRoot, cpus }: Host): Check {
	const { frequency_ghz: ghz, packages } = new Processors(sysRoot, 1, cpus);
	const places = `${packages.length} CPU package${packages.length > 1 ? 's' : ''}`;
	return ghz === undefined
		? check('cpufreq', 'info', ['not there, usual in virtual machines: every ns of CPU time weighs the same', places])
		: check('cpufreq', 'ok', [`${ghz.toFixed(2)} GHz on average now`, places]);
}

function gpus(host: Host): Check[] {
	let addon: Host['addon'] | null = null;
	try {
		addon = host.addon;
	} catch {
		// reported by the checks of BPF
	}
	const { readers, absent } = openGpus({ sysRoot: host.sysRoot, procRoot: host.procRoot, addon });
	for (const reader of readers) reader.close();
	return [
		...readers.map(({ kind, description, uncertainty }) => check(`GPU ${kind}`, 'ok', [description, uncertainty])),
		...absent.map(({ kind, reason }) => check(`GPU ${kind}`, 'info', reason)),
	];
}
