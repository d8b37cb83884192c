/** Tracers keep more of a process while somebody looks at it. */
import { useEffect } from 'react';
import type { Options } from '../../core/tracer.ts';
import { processId } from '../../system/process-id.ts';
import type { TabEntry } from '../tab.ts';

/** @param process `pid:start`; null: nobody looks */
export function useFocus(
	process: string | null,
	tabs: readonly TabEntry[],
	tune: (tab: string, changes: Options) => void,
): void {
	// biome-ignore lint/correctness/useExhaustiveDependencies: the way to tell them does not matter
	useEffect(() => {
		if (process === null) return;
		const tell = (pid: number) => {
			for (const { tracer } of tabs) if (tracer.focus) tune(tracer.id, tracer.focus(pid));
		};
		tell(processId(process).pid);
		return () => tell(0);
	}, [process, tabs]);
}
