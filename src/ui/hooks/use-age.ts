/** The age of the figures on the screen, once it is more than the interval explains. */
import { useEffect, useReducer } from 'react';
import type { Store } from '../../history/store.ts';

/** Figures are reported as old after so many intervals; s where intervals are short. */
const INTERVALS = 3;
const LEAST = 1;

/** Seconds; null: within the limit, or paused. Where sampling has failed figures are old at once. */
export function useAge(store: Store, tab: string, delay: number): number | null {
	const [, checkAgain] = useReducer((count: number) => count + 1, 0);
	const limit = store.failure ? 0 : Math.max(LEAST, INTERVALS * delay);
	const age = store.age(tab);
	const old = age !== null && age > limit;
	useEffect(() => {
		if (age === null) return;
		// when they will be old, then every second
		const timer = setTimeout(checkAgain, Math.ceil((old ? 1 : limit - age) * 1000));
		return () => clearTimeout(timer);
	});
	return old ? age : null;
}
