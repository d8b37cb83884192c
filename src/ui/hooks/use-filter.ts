/** The typed filter; while it has an error the last valid one stays in use. */
import { useEffect, useMemo, useRef } from 'react';
import { type BoundFilter, Filter } from '../../rows/filter/bind.ts';
import { FilterError } from '../../rows/filter/error.ts';
import type { FilterTab } from '../../rows/filter/names.ts';

export interface FilterInUse {
	/** Text of the filter in use. */
	text: string;
	bound: BoundFilter<never>;
	/** Error in the typed text. */
	error: FilterError | null;
}

function compile(text: string, tabs: readonly FilterTab[]): Filter | FilterError {
	try {
		return new Filter(text, tabs);
	} catch (error) {
		if (error instanceof FilterError) return error;
		throw error;
	}
}

export function useFilter(text: string, tabs: readonly FilterTab[], shown: FilterTab): FilterInUse {
	const compiled = useMemo(() => compile(text, tabs), [text, tabs]);
	const last = useRef<Filter | null>(null);
	const inUse = compiled instanceof Filter ? compiled : last.current;
	useEffect(() => {
		last.current = inUse;
	}, [inUse]);
	return useMemo(
		() => ({
			text: inUse?.text.trim() ?? '',
			bound: inUse?.bind(shown) ?? { test: null, ignored: [], columns: [] },
			error: compiled instanceof FilterError ? compiled : null,
		}),
		[inUse, compiled, shown],
	);
}
