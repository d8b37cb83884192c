/** Options that say what begins a capture. */
import { UsageError } from '../core/errors.ts';
import type { CommandLine } from '../options/command.ts';
import type { AnyTracer } from '../options/common.ts';
import { words } from '../options/common.ts';
import { checkFilter } from '../options/resolve.ts';
import { EVENT_KINDS } from '../tracers/events/snapshot.ts';

/** @throws {UsageError} */
export function checkCapture(
	{ values, without }: Pick<CommandLine, 'values' | 'without'>,
	tracers: readonly AnyTracer[],
): void {
	const kinds = ['high', 'severe', ...EVENT_KINDS];
	const unknown = words(String(values['capture'])).find((kind) => !kinds.includes(kind));
	if (unknown !== undefined) throw new UsageError(`--capture: no '${unknown}'; there are ${kinds.join(', ')}`);
	// a cause that nothing reports would never come
	const named = words(String(values['tabs'] ?? ''));
	const missing = (tab: string) => without.includes(tab) || (named.length > 0 && !named.includes(tab));
	for (const kind of words(String(values['capture']))) {
		const tab = kind === 'high' || kind === 'severe' ? 'overview' : 'events';
		if (missing(tab)) throw new UsageError(`--capture ${kind} needs the tab ${tab}: add it to --tabs`);
	}
	checkFilter('capture-if', String(values['capture-if']), tracers);
}
