/** Options that say what begins a capture. */
import { UsageError } from '../core/errors.ts';
import type { CommandLine } from '../options/command.ts';
import type { AnyTracer } from '../options/common.ts';
import { words } from '../options/common.ts';
import { checkFilter } from '../options/resolve.ts';
import { EVENT_KINDS } from '../tracers/events/snapshot.ts';

/** @throws {UsageError} */
export function checkCapture({ values }: Pick<CommandLine, 'values'>, tracers: readonly AnyTracer[]): void {
	const kinds = ['high', 'severe', ...EVENT_KINDS];
	const unknown = words(String(values['capture'])).find((kind) => !kinds.includes(kind));
	if (unknown !== undefined) throw new UsageError(`--capture: no '${unknown}'; there are ${kinds.join(', ')}`);
	checkFilter('capture-if', String(values['capture-if']), tracers);
}
