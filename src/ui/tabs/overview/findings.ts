/** Findings in as many lines as fit; without findings, the rules that were checked. */
import type { Span } from '../../../term/theme.ts';
import { type Finding, ownerText } from '../../../tracers/overview/finding.ts';
import { rules } from '../../../tracers/overview/rules.ts';
import type { OverviewExtra } from '../../../tracers/overview/snapshot.ts';
import { clock } from '../../frame/header.ts';
import { lineOf, widthOf, wrapSpans } from '../../widgets/line.ts';
import { severityRole } from '../../widgets/severity.ts';

/** `, worst 14:02:31 (1.4×)`, if it was notably worse before. */
function peakText({ excess, peak }: Finding): string {
	const ratio = peak.excess / excess;
	return ratio >= 1.1 ? `, worst ${clock(peak.time)} (${ratio.toFixed(1)}×)` : '';
}

/** `A vda: 78% of slow reads wait in the device — from postgres[812], since 14:02:10` */
function fullSpans(finding: Finding, key: string): Span[] {
	const owner = ownerText(finding);
	return [
		['strong', key],
		' ',
		[severityRole[finding.level], `${finding.subject}:`],
		// a comma stays with the word before it when the line wraps
		...(owner === '' ? [` ${finding.text},`] : ([` ${finding.text} —`, ['strong', ` ${owner},`]] as Span[])),
		['dim', ` since ${clock(finding.since)}${peakText(finding)}`],
	];
}

/** On one line the process precedes the figures. `A vda (from postgres[812]): 78% of slow reads wait…` */
function shortSpans(finding: Finding, key: string): Span[] {
	const owner = ownerText(finding);
	return [
		['strong', key],
		' ',
		[severityRole[finding.level], finding.subject],
		...(owner === '' ? [] : ([' (', ['strong', owner], ')'] as Span[])),
		`: ${finding.text}`,
	];
}

/** As many findings as fit; long ones wrap while lines are left. */
export function findingLines(
	findings: readonly Finding[],
	keys: readonly string[],
	width: number,
	rows: number,
): Span[][] {
	const shown = findings.slice(0, rows);
	let spare = rows - shown.length;
	return shown.flatMap((finding, index) => {
		const key = keys[index] ?? '·';
		const full = fullSpans(finding, key);
		if (widthOf(full) <= width) return [full];
		const wrapped = wrapSpans(full, width);
		if (wrapped.length - 1 > spare) return [shortSpans(finding, key)];
		spare -= wrapped.length - 1;
		return wrapped;
	});
}

const titles = new Map<string, string>(rules.map(({ id, title }) => [id, title]));

const titleOf = (rule: string): string => titles.get(rule) ?? rule;

/** The rules that were checked, after those that could not be. */
function quietSpans({ checked, unchecked }: OverviewExtra): Span[] {
	const reasons = new Map<string, string[]>();
	for (const { rule, reason } of unchecked) reasons.set(reason, [...(reasons.get(reason) ?? []), titleOf(rule)]);
	const missing = [...reasons].map(([reason, names]) => `${names.join(', ')} (${reason})`);
	return [
		['good', 'nothing stands out'],
		...(missing.length === 0 ? [] : ([['warn', `; not checked: ${missing.join('; ')}`]] as Span[])),
		['dim', `; checked: ${checked.map(titleOf).join(', ')}`],
	];
}

/** The rules that were checked, in so many lines; a mark where there are more. */
function quietLines(extra: OverviewExtra, width: number, rows: number): Span[][] {
	const spans = quietSpans(extra);
	const lines = wrapSpans(spans, width);
	if (lines.length <= rows) return lines;
	return wrapSpans(spans, width - 2)
		.slice(0, rows)
		.map((line, index) => (index === rows - 1 ? [...line, ['dim', ' …']] : line));
}

export function whyLines(extra: OverviewExtra, keys: readonly string[], width: number, rows: number): string[] {
	const lines =
		extra.findings.length > 0
			? findingLines(extra.findings, keys, width, rows)
			: quietLines(extra, width, Math.min(rows, 3));
	return lines.map((spans) => lineOf(width, spans));
}
