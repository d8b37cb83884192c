/** Names of tasks. Ten thousand processes often have one name between them: equal names are one object. */
import { type ForeignBytes, latin1Name, sameName } from './decode.ts';
import { type SafeText, sanitize } from './sanitize.ts';

export interface TaskName {
	/** Its bytes, see {@link latin1Name}. */
	readonly raw: string;
	readonly text: SafeText;
}

/** Names that are kept; beyond this all are forgotten, and those in use stay with their users. */
const MOST = 4096;

const known = new Map<string, TaskName>();

/** The name that these bytes are. @param before the one that they were, mostly still the same */
export function taskName(bytes: ForeignBytes, before?: TaskName): TaskName {
	if (before && sameName(before.raw, bytes)) return before;
	const raw = latin1Name(bytes);
	let name = known.get(raw);
	if (!name) {
		if (known.size >= MOST) known.clear();
		name = { raw, text: sanitize(bytes) };
		known.set(raw, name);
	}
	return name;
}
