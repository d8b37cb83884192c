/** Columns of findings that begin and end, for `--fail-if`. */
import type { Column } from '../../core/tracer.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Change } from './finding.ts';

const text = (
	key: string,
	title: string,
	width: number,
	help: string,
	value: (change: Change) => SafeText,
): Column<Change> => ({
	...{ key, title, width, help, value },
	kind: 'text',
	priority: 0,
});

export const changeColumns: readonly Column<Change>[] = [
	text('change', 'CHANGE', 6, 'begins or ends.', ({ change }) => change as SafeText),
	text('level', 'LEVEL', 6, 'severe, high or notice.', ({ level }) => level as SafeText),
	text('rule', 'RULE', 14, 'Id of the rule.', ({ rule }) => rule as SafeText),
	text('subject', 'SUBJECT', 20, 'What the finding is about.', ({ subject }) => subject),
	text('finding', 'FINDING', 60, 'The text of the finding.', (change) => change.text),
];
