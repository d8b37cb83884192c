/** Source and uncertainty of a tab's figures: a badge in the header, in full in the help. */
import type { Snapshot, Source } from '../../core/snapshot.ts';
import type { Span } from '../../term/theme.ts';
import type { HelpSection, TabEntry } from '../tab.ts';

/** `±60%` or `exact`, from the first clause of the uncertainty, which is about the main figures; '': neither. */
export function errorOf({ uncertainty }: Pick<Source, 'uncertainty'>): string {
	const [first = ''] = uncertainty.split(/[;(]/);
	return /±\s?[\d.]+ %|\bexact\b/.exec(first)?.[0].replace(/\s/g, '') ?? '';
}

export interface SourceBadge {
	/** In full; and the error alone, for narrow screens: exact figures have none. */
	full: readonly Span[];
	error: readonly Span[];
}

const noBadge: SourceBadge = { full: [], error: [] };

/** Of the open tab; for a tab made of others, of its watts. */
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

/** For the open tab, and those that it is made of. */
export function sourceHelp(
	open: TabEntry['tracer'],
	tabs: readonly TabEntry[],
	current: (tab: string) => Snapshot | undefined,
): HelpSection[] {
	const shown = tabs.filter(({ tracer: { id } }) => id === open.id || open.from?.includes(id));
	return shown.flatMap(({ tracer: { id, title } }) => {
		const source = current(id)?.source;
		return source ? [section(title, source)] : [];
	});
}
