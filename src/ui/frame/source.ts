/** Where the figures of a tab come from and how far they are right: a badge in the header, all of it in the help. */
import type { Snapshot, Source } from '../../core/snapshot.ts';
import type { Span } from '../../term/theme.ts';
import type { HelpSection, TabEntry } from '../tab.ts';

/** `±60%` or `exact`: what the first clause of the uncertainty says, which is of the main figures; '': it does not. */
export function errorOf({ uncertainty }: Pick<Source, 'uncertainty'>): string {
	const [first = ''] = uncertainty.split(/[;(]/);
	return /±\s?[\d.]+ %|\bexact\b/.exec(first)?.[0].replace(/\s/g, '') ?? '';
}

export interface SourceBadge {
	/** In full, and the error alone where that is all there is room for; figures that are exact have none. */
	full: readonly Span[];
	error: readonly Span[];
}

const noBadge: SourceBadge = { full: [], error: [] };

/** Of the tab in front; of the watts for one that is made of others. */
export function sourceBadge(tracer: TabEntry['tracer'], current: (tab: string) => Snapshot | undefined): SourceBadge {
	const id = tracer.from ? 'energy' : tracer.id;
	const source = current(id)?.source;
	if (!source) return noBadge;
	const error = errorOf(source);
	const estimated = error.startsWith('±');
	const words = [source.kind, error, source.lacks === undefined ? '' : `without ${source.lacks}`];
	return {
		full: [
			['dim', id === 'energy' ? 'energy ' : 'source '],
			[estimated || source.lacks !== undefined ? 'warn' : 'plain', words.filter((word) => word !== '').join(' ')],
		],
		error: estimated ? [['warn', error]] : [],
	};
}

function section(
	title: string,
	{ kind, description, uncertainty, hooks, scope, weighting, lacks, missing }: Source,
): HelpSection {
	const entries = [
		['measured by', `${kind}: ${description}`],
		['uncertainty', uncertainty],
		['without', lacks ?? ''],
		['missing here', (missing ?? []).join('; ')],
		['covers', scope ?? ''],
		['shared out by', weighting ?? ''],
		['hooks', hooks.join(', ')],
	] as const;
	return { title: `${title} – source`, entries: entries.filter(([, words]) => words !== '') };
}

/** Of the tab, and of those that it is made of. */
export function sourceHelp(
	front: TabEntry['tracer'],
	tabs: readonly TabEntry[],
	current: (tab: string) => Snapshot | undefined,
): HelpSection[] {
	const shown = tabs.filter(({ tracer: { id } }) => id === front.id || front.from?.includes(id));
	return shown.flatMap(({ tracer: { id, title } }) => {
		const source = current(id)?.source;
		return source ? [section(title, source)] : [];
	});
}
