/** Candidates for the source of energy, best measured first, modelled last, with the reason why each is or is not in use. */

import { Unavailable } from '../../../core/errors.ts';
import { sanitize } from '../../../lib/sanitize.ts';
import { type CounterKind, counterKinds, type Method, methods, type SourceChoice } from '../options.ts';
import { probeMeter } from './meter.ts';
import { probePmu } from './pmu.ts';
import { probeRapl } from './rapl.ts';
import type { EnergyHost, EnergySource } from './source.ts';

export interface Candidate {
	kind: Exclude<SourceChoice, 'auto'>;
	/** `available`: works, but another one was chosen. */
	state: 'chosen' | 'available' | 'unavailable' | 'not asked';
	/** Why, in one sentence. */
	reason: string;
	/** What to run or change to get it; empty: nothing. */
	fix: string;
}

export interface ProbedSources {
	/** The chosen source: a kind of {@link EnergySource}, or the tracer's method without counters. */
	kind: Candidate['kind'];
	/** null: model, time or proc. The caller closes it. */
	source: EnergySource | null;
	/** In the order in which they are tried. */
	candidates: Candidate[];
}

/** `forced`: it was requested by name. */
const counters: Readonly<Record<CounterKind, (host: EnergyHost, forced: boolean) => EnergySource>> = {
	rapl: probeRapl,
	pmu: probePmu,
	meter: probeMeter,
};

type Probed = { source: EnergySource } | { failure: Unavailable };

function probe(kind: CounterKind, host: EnergyHost, forced: boolean): Probed {
	try {
		return { source: counters[kind](host, forced) };
	} catch (error) {
		// an unknown kind of invalid file costs this candidate only
		if (error instanceof Unavailable) return { failure: error };
		const what = sanitize(error instanceof Error ? error.message : String(error));
		return { failure: new Unavailable(`probing ${kind} failed: ${what}`, '', error) };
	}
}

/**
 * Choose the source of energy. Candidates after the chosen one are tried too, so that `doctor` can report all.
 * @throws {Unavailable} where `wanted` names a counter that is not available
 * @param without counters that are not tried, and why
 */
export function probeSources(
	host: EnergyHost,
	wanted: SourceChoice,
	without: ReadonlyMap<CounterKind, string> = new Map(),
): ProbedSources {
	const candidates: Candidate[] = [];
	let source: EnergySource | null = null;
	for (const kind of counterKinds) {
		const reason = without.get(kind);
		if (reason !== undefined) {
			candidates.push({ kind, state: 'unavailable', reason, fix: '' });
			continue;
		}
		const probed = probe(kind, host, wanted === kind);
		if ('failure' in probed) {
			if (wanted === kind) throw probed.failure;
			candidates.push({ kind, state: 'unavailable', reason: probed.failure.message, fix: probed.failure.fix });
		} else if (wanted === kind || (wanted === 'auto' && !source)) {
			source = probed.source;
			candidates.push({
				kind,
				state: 'chosen',
				reason: `${probed.source.scope}, ${probed.source.uncertainty}`,
				fix: '',
			});
		} else {
			probed.source.close();
			const reason = wanted === 'auto' ? `${source?.kind} comes first` : `--source ${wanted} was asked for`;
			candidates.push({ kind, state: 'available', reason, fix: `--source ${kind}` });
		}
	}
	const kind = source?.kind ?? (wanted === 'auto' ? 'model' : (wanted as Method));
	for (const [other, what] of Object.entries(methods) as [Method, string][]) {
		const why = wanted === 'auto' ? 'no counter can be read' : 'asked for';
		candidates.push(
			other === kind
				? { kind: other, state: 'chosen', reason: `${why}: ${what}`, fix: '' }
				: { kind: other, state: 'not asked', reason: what, fix: `--source ${other}` },
		);
	}
	return { kind, source, candidates };
}
