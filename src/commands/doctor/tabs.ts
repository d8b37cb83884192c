/** Starts every tracer as the screen does, reads it once, and closes it: the result is what `doctor` reports of its tab. */
import type { SamplerEvent } from '../../core/sampler.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { Host, Options, Tracer } from '../../core/tracer.ts';
import { monotonicNs } from '../../lib/clock.ts';
import type { Ns } from '../../lib/units.ts';
import { Sampling } from '../../sampling/sampling.ts';
import { type Check, check } from './check.ts';

type AnyTracer = Tracer<object, object>;

/** Length of the interval that is measured, seconds. */
const DELAY = 0.5;

export interface TabReport {
	tracer: AnyTracer;
	/** From the beginning of loading to the end of attaching; 0: it never came to that. */
	load_ns: Ns;
	/** The interval that was measured; undefined: there is none. */
	snapshot: Snapshot | undefined;
	/** Why not; what to do about it. */
	reason: string;
	fix: string;
	/** By the user. */
	leftOut: boolean;
}

export interface TabsOptions {
	sections: Record<string, Options>;
	without: readonly string[];
}

/** One report for each tracer, in their order. Takes about two seconds. */
export async function tryTabs(host: Host, tracers: readonly AnyTracer[], options: TabsOptions): Promise<TabReport[]> {
	const reports = new Map<string, TabReport>(
		tracers.map((tracer) => {
			const leftOut = options.without.includes(tracer.id);
			return [tracer.id, { tracer, load_ns: 0, snapshot: undefined, reason: '', fix: '', leftOut }];
		}),
	);
	const begun = new Map<string, Ns>();
	const done = Promise.withResolvers<void>();
	const take = (event: SamplerEvent): void => {
		if (event.kind === 'worker-failed') return;
		const report = reports.get(event.kind === 'snapshot' ? event.snapshot.tab : event.tab);
		if (!report) return;
		const now = monotonicNs();
		switch (event.kind) {
			case 'attaching':
				begun.set(event.tab, now);
				break;
			case 'live':
				report.load_ns = now - (begun.get(event.tab) ?? now);
				break;
			case 'unavailable':
				report.reason = event.reason;
				report.fix = event.fix;
				break;
			case 'snapshot':
				report.snapshot = event.snapshot;
				break;
		}
		if ([...reports.values()].every(({ snapshot, reason }) => snapshot || reason !== '')) done.resolve();
	};
	const sampling = new Sampling({
		// a tracer is also started while its tab is closed
		tracers: tracers.map((tracer) => ({ ...tracer, onDemand: false })),
		host,
		delay: DELAY,
		firstDelay: DELAY,
		oneByOne: true,
		groups: {},
		...options,
		emit: take,
	});
	try {
		await sampling.start();
		await done.promise;
	} finally {
		sampling.close();
	}
	return [...reports.values()];
}

export function tabChecks(reports: readonly TabReport[]): Check[] {
	return reports.map(({ tracer, load_ns, snapshot, reason, fix, leftOut }) => {
		const name = `${tracer.title} (${tracer.id})`;
		if (!snapshot) return check(name, leftOut ? 'info' : 'no', reason, fix);
		const { source, cost, dt_ns } = snapshot;
		const missing = [...(source.missing ?? [])];
		const ran = cost.bpf_runs > 0 && !tracer.from ? `, ${cost.bpf_runs} runs in ${seconds(dt_ns)}` : '';
		const hooks = source.hooks.length === 0 ? '' : `: ${source.hooks.length} hooks in ${seconds(load_ns)}${ran}`;
		const asked = tracer.onDemand ? 'runs only while its tab is open' : '';
		return check(name, missing.length > 0 ? 'less' : 'ok', [
			`${source.kind}${hooks}`,
			source.uncertainty,
			asked,
			...missing,
		]);
	});
}

function seconds(ns: Ns): string {
	return `${(ns / 1e9).toFixed(2)} s`;
}
