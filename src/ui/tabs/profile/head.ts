/** Lines above the profile: its target and length, and the share of stacks and names that are known. */

import type { Snapshot } from '../../../core/snapshot.ts';
import { formatCount, formatNs } from '../../../lib/format.ts';
import { sanitize } from '../../../lib/sanitize.ts';
import type { Hottest } from '../../../profile/hottest.ts';
import { STATES } from '../../../profile/model.ts';
import { cutText, lossText, serverText, unwoundText } from '../../../profile/text.ts';
import type { Span } from '../../../term/theme.ts';
import type { ProfileExtra, ProfileRow } from '../../../tracers/profile/snapshot.ts';

type ProfileSnapshot = Snapshot<ProfileRow, ProfileExtra>;

/** The share of cut stacks, and what helps. */
function cutNote(snapshot: ProfileSnapshot, recorded: boolean): string {
	const text = cutText(snapshot);
	return text === '' || snapshot.unwound || recorded ? text : `${text}; U unwinds`;
}

/** The function that takes most time, and by whom it was called. */
function hottestLine({ function: name, callers, share, state, comm }: Hottest): Span[] {
	const way = callers.length > 0 ? `  ← ${callers.join(' ← ')}` : '';
	return [
		['dim', state === 'on-cpu' ? 'hottest  ' : `most waiting (${state})  `],
		['strong', name],
		` ${Math.round(share * 100)}%`,
		['dim', `${way}  ${comm}`],
	];
}

/** Most important first. @param recorded keys that measure anew have no effect */
export function headOf(snapshot: ProfileSnapshot, recorded = false): Span[][] {
	const { mode, target, profile_seconds, hz, rows } = snapshot;
	const ns = rows.reduce((sum, row) => sum + row.time_ns_total, 0);
	const count = rows.reduce((sum, row) => sum + row.count_total, 0);
	const what = mode === 'on-cpu' ? `${formatCount(count)} samples at ${hz} Hz` : formatNs(ns);
	const first: Span[] = [
		['strong', mode],
		'  ',
		target,
		['dim', `  ${profile_seconds.toFixed(0)} s, ${what}, ${formatNs(ns)} in all`],
		['dim', '   m: on-cpu, off-cpu, wall, locks'],
	];
	const lines = [first];
	const byState = new Map<string, number>();
	for (const row of rows) byState.set(row.state, (byState.get(row.state) ?? 0) + row.time_ns_total);
	if (mode !== 'on-cpu' && ns > 0) {
		const spans: Span[] = [];
		// the line may be cut: most first
		for (const state of STATES.toSorted((a, b) => (byState.get(b) ?? 0) - (byState.get(a) ?? 0))) {
			const part = byState.get(state);
			if (part)
				spans.push(['dim', spans.length > 0 ? '  ' : ''], `${state} `, ['strong', `${Math.round((100 * part) / ns)}%`]);
		}
		lines.push(spans);
	}
	const [most] = snapshot.hottest ?? [];
	if (most) lines.push(hottestLine(most));
	const notes = [cutNote(snapshot, recorded), lossText(snapshot)].filter((text) => text !== '');
	for (const text of [unwoundText(snapshot), serverText(snapshot)])
		if (text !== '') lines.push([['dim', sanitize(text)]]);
	for (const note of notes) lines.push([['warn', sanitize(note)]]);
	if (snapshot.rare.stacks > 0)
		lines.push([
			['dim', `${formatCount(snapshot.rare.stacks)} rare stacks are left out: ${formatNs(snapshot.rare.ns)}`],
		]);
	return lines;
}
