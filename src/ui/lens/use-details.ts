/** What `/proc` says of a process, read again while it is looked at. */
import { useEffect, useState } from 'react';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { ProcessDetails } from '../../system/process-details.ts';
import { type ProcessId, processId } from '../../system/process-id.ts';

/** Resolves with null where there is no such process any more. */
export type Inspect = (process: ProcessId) => Promise<ProcessDetails | null>;

export interface DetailsNow {
	/** The last that were read. */
	details: ProcessDetails | null;
	/** There is no such process now. */
	gone: boolean;
	/** Why `/proc` cannot be read; empty: it can. */
	refused: SafeText;
}

/** How often it is read, ms. */
const every = 2000;
const unread: DetailsNow = { details: null, gone: false, refused: safe`` };

/** @param process `pid:start` */
export function useDetails(inspect: Inspect, process: string): DetailsNow {
	const [now, setNow] = useState(unread);
	useEffect(() => {
		let timer: NodeJS.Timeout | undefined;
		let looking = true;
		const look = async () => {
			const { details, refused } = await inspect(processId(process)).then(
				(details) => ({ details, refused: safe`` }),
				(error: Error) => ({ details: undefined, refused: sanitize(error.message) }),
			);
			if (!looking) return;
			setNow((before) => ({ details: details ?? before.details, gone: details === null, refused }));
			if (details !== null) timer = setTimeout(look, every);
		};
		void look();
		return () => {
			looking = false;
			clearTimeout(timer);
		};
	}, [inspect, process]);
	return now;
}
