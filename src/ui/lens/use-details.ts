/** Facts about a process from `/proc`, read again while the lens is open. */
import { useEffect, useState } from 'react';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { ProcessDetails } from '../../system/process-details.ts';
import { type ProcessId, processId } from '../../system/process-id.ts';

/** Resolves with null when the process no longer exists. */
export type Inspect = (process: ProcessId) => Promise<ProcessDetails | null>;

export interface DetailsNow {
	/** From the last successful read. */
	details: ProcessDetails | null;
	/** The process no longer exists. */
	gone: boolean;
	/** Why `/proc` cannot be read; empty: it can. */
	refused: SafeText;
}

/** Interval between reads, ms. */
const every = 2000;
const unread: DetailsNow = { details: null, gone: false, refused: safe`` };

/** @param process `pid:start`; null: nothing is read */
export function useDetails(inspect: Inspect, process: string | null): DetailsNow {
	const [now, setNow] = useState(unread);
	useEffect(() => {
		if (process === null) return;
		let timer: NodeJS.Timeout | undefined;
		let open = true;
		const read = async () => {
			const { details, refused } = await inspect(processId(process)).then(
				(details) => ({ details, refused: safe`` }),
				(error: Error) => ({ details: undefined, refused: sanitize(error.message) }),
			);
			if (!open) return;
			setNow((before) => ({ details: details ?? before.details, gone: details === null, refused }));
			if (details !== null) timer = setTimeout(read, every);
		};
		void read();
		return () => {
			open = false;
			clearTimeout(timer);
			setNow(unread);
		};
	}, [inspect, process]);
	return now;
}
