/** The footer's hints: keys that have an effect now, the most important first, as many as fit. */
import { textWidth } from '../../lib/width.ts';
import type { Command, Keymap } from '../../options/keymap.ts';
import type { Span } from '../../term/theme.ts';

/** What hints depend on. */
export interface HintContext {
	kind: 'table' | 'detail' | 'lens' | 'overlay';
	/** Number of groupings and views of the tab; whether a row has a detail. */
	groups: number;
	views: number;
	hasDetail: boolean;
}

const ofTables: readonly Command[] = ['filter', 'sort-menu', 'reverse', 'detail', 'group', 'view', 'baseline'];
const onOverlays: readonly Command[] = ['back', 'help', 'quit'];

/** Whether a key of this command has an effect. */
function useful(command: Command, { kind, groups, views, hasDetail }: HintContext): boolean {
	if (kind === 'overlay') return onOverlays.includes(command);
	if (kind === 'lens') return !ofTables.includes(command);
	if (command === 'back') return kind === 'detail';
	if (command === 'detail') return kind === 'table' && hasDetail;
	if (command === 'group') return groups > 1;
	if (command === 'view') return views > 1;
	return true;
}

export function hintSpans({ bindings }: Keymap, context: HintContext, width: number): Span[] {
	const shown = bindings
		.filter(({ command, hint, keys }) => hint !== undefined && keys.length > 0 && useful(command, context))
		.sort((a, b) => (a.hintOrder ?? 99) - (b.hintOrder ?? 99));
	const spans: Span[] = [];
	let used = 0;
	for (const { keys, hint } of shown) {
		const key = keys[0] as string;
		const label = `${hint} `;
		const cells = textWidth(key) + textWidth(label) + 1;
		if (used + cells > width) break;
		spans.push(['strong', key], ['hint', label], ' ');
		used += cells;
	}
	return spans;
}
