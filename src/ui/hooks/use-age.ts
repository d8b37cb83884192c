/** How old the figures on the screen are, once that is more than the interval explains. */
import { useEffect, useReducer } from 'react';
import type { Store } from '../../history/store.ts';

/** Figures that many intervals old are told as old; s where intervals are short. */
const INTERVALS = 3;
const LEAST = 1;

/** Seconds; null: as new as they should be, or held on purpose. Sampling that has failed makes them old at once. */
export function useAge(store: Store, tab: string, delay: number): number | null {
	const [, look] = useReducer((count: number) => count + 1, 0);
	const limit = store.failure ? 0 : Math.max(LEAST, INTERVALS * delay);
	const age = store.age(tab);
	const old = age !== null && age > limit;
	useEffect(() => {
		if (age === null) return;
		// again when they will be old, and then as long as they are
		const timer = setTimeout(look, Math.ceil((old ? 1 : limit - age) * 1000));
		return () => clearTimeout(timer);
	});
	return old ? age : null;
}
