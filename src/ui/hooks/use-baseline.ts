/** The baseline: the moment that figures are compared with. */
import { useState } from 'react';
import type { Store } from '../../history/store.ts';
import { clock } from '../frame/header.ts';
import { type Baseline, markBaseline } from '../state/baseline.ts';
import type { TabEntry } from '../tab.ts';

/** The baseline (null: none), and a function that marks the figures shown now, or forgets the baseline. */
export function useBaseline(
	tabs: readonly TabEntry[],
	store: Store,
	say: (message: string) => void,
): [Baseline | null, () => void] {
	const [baseline, setBaseline] = useState<Baseline | null>(null);
	const tracers = tabs.map(({ tracer }) => tracer);
	const toggle = () => {
		const marked = baseline ? null : markBaseline(tracers, (id) => store.current(id));
		setBaseline(marked);
		if (marked) say(`baseline marked: changes are against ${clock(marked.time)}`);
		else say(baseline ? 'baseline forgotten' : 'nothing to mark yet');
	};
	return [baseline, toggle];
}
