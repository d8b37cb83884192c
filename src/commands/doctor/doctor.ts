/** `wattlag doctor`: what this machine lets wattlag measure, and why not the rest. */
import type { Host, Tracer } from '../../core/tracer.ts';
import { type AppearanceChoice, appearanceOf } from '../../term/theme.ts';
import type { Section } from './check.ts';
import { energyChecks } from './energy.ts';
import { bpfChecks, machineChecks } from './machine.ts';
import { type TabReport, type TabsOptions, tabChecks, tryTabs } from './tabs.ts';
import { terminalChecks } from './terminal.ts';

export interface DoctorOptions extends TabsOptions {
	/** Name and version. */
	program: string;
	appearance: AppearanceChoice;
}

export interface Diagnosis {
	sections: readonly Section[];
	tabs: readonly TabReport[];
	/** The terminal takes 7-bit characters only. */
	ascii: boolean;
	/** One sentence. */
	verdict: string;
	/** 0: every tab that runs unasked works; 1: one of them does not; 77: none that measures does. */
	exitCode: 0 | 1 | 77;
}

export async function diagnose(
	host: Host,
	tracers: readonly Tracer<object, object>[],
	options: DoctorOptions,
): Promise<Diagnosis> {
	const tabs = await tryTabs(host, tracers, { sections: options.sections, without: options.without });
	const energy = tabs.find(({ tracer }) => tracer.id === 'energy')?.snapshot;
	return {
		sections: [
			{ title: 'Machine', checks: machineChecks(host, options.program) },
			{ title: 'BPF', checks: bpfChecks(host) },
			{ title: 'Tabs', checks: tabChecks(tabs) },
			{ title: 'Energy', checks: energyChecks(host, energy) },
			{ title: 'Terminal', checks: terminalChecks(process.env, options.appearance, [process.stdout, process.stderr]) },
		],
		tabs,
		ascii: appearanceOf(process.env, options.appearance).ascii,
		...judge(tabs),
	};
}

/** Tabs that were left out do not count, nor those that run only when asked, as long as others work. */
export function judge(tabs: readonly TabReport[]): Pick<Diagnosis, 'verdict' | 'exitCode'> {
	const meant = tabs.filter(({ leftOut }) => !leftOut);
	const failing = meant.filter(({ snapshot }) => !snapshot);
	const names = failing.map(({ tracer }) => tracer.title).join(', ');
	if (!meant.some(({ tracer, snapshot }) => snapshot && !tracer.from))
		return { verdict: 'Nothing can be measured here.', exitCode: 77 };
	return {
		verdict: `${meant.length - failing.length} of ${meant.length} tabs work${names === '' ? '' : `; not ${names}`}.`,
		exitCode: failing.some(({ tracer }) => !tracer.onDemand) ? 1 : 0,
	};
}
