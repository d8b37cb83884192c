/** The accuracy table. */
import { markdownTable, number } from '../bench/figures.ts';
import type { Check } from './check.ts';

function percent(share: number): string {
	return `${Number((share * 100).toPrecision(2))} %`;
}

function whole(value: number): string {
	return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-GB') : number(value);
}

function row(check: Check): string[] {
	const { figure, truth, unit, ours, least, most, error, fromMiddle, bound, hidden, passed, note } = check;
	const range = least === most ? whole(most) : `${whole(least)}–${whole(most)}`;
	const hides = hidden > 0 ? `${whole(hidden)} hidden from BPF` : '';
	return [
		figure,
		truth,
		`${whole(ours)} ${unit}`,
		range,
		error === 0 ? 'within' : percent(error),
		`${fromMiddle > 0 ? '+' : ''}${percent(fromMiddle)}`,
		percent(bound),
		passed ? 'yes' : '**no**',
		[note ?? '', hides].filter(Boolean).join('; '),
	];
}

/** As Markdown. */
export function checksText(checks: readonly Check[]): string {
	return markdownTable(
		['figure', 'truth', 'ours', 'truth says', 'outside', 'from its middle', 'bound', 'kept', 'remark'],
		checks.map(row),
	);
}
