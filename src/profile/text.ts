/** A profile as text for a terminal: the hottest functions, and how much of it is known. */
import { counted, formatNs } from '../lib/format.ts';
import { type Profile, stackValue } from './model.ts';
import { functionsOf } from './tree.ts';

/** `41 % of user stacks are cut (no frame pointers)`; empty: none, or there are no user stacks. */
export function cutText({
	quality: { user_stacks, cut, cut_after_2 },
	unwound,
}: Pick<Profile, 'quality' | 'unwound'>): string {
	if (user_stacks === 0 || cut === 0) return '';
	const percent = (part: number) => Math.max(1, Math.round((100 * part) / user_stacks));
	const early = cut_after_2 > 0 ? `, ${percent(cut_after_2)} % after 2 frames` : '';
	const why = unwound ? 'beyond what was copied, or code without tables' : 'no frame pointers';
	return `${percent(cut)} % of user stacks are cut${early}: ${why}`;
}

/** Coverage and cost of unwinding; empty: that was not asked for. */
export function unwoundText({ quality: { user_stacks, cut }, unwound }: Pick<Profile, 'quality' | 'unwound'>): string {
	if (!unwound) return '';
	const whole = user_stacks === 0 ? '' : `: ${Math.floor((100 * (user_stacks - cut)) / user_stacks)} % are whole`;
	const each = unwound.stacks === 0 ? '' : `; ${Math.round(unwound.bytes / unwound.stacks / 1024)} KiB copied of each`;
	return `${counted(unwound.stacks, 'user stack')} unwound by the tables of their files${whole}${each}`;
}

/** What was lost, in words; empty: nothing. */
export function lossText({ lost, quality }: Pick<Profile, 'lost' | 'quality'>): string {
	const parts: string[] = [];
	if (lost['stacks_full']) parts.push(`${counted(lost['stacks_full'], 'stack')} not kept (map full)`);
	if (lost['counts_full']) parts.push(`${counted(lost['counts_full'], 'event')} not counted (map full)`);
	if (lost['copies_lost'])
		parts.push(`${counted(lost['copies_lost'], 'stack')} not copied (ring full): by frame pointers`);
	if (lost['unmatched']) parts.push(`${counted(lost['unmatched'], 'event')} without a beginning`);
	if (quality.deep) parts.push(`${counted(quality.deep, 'stack')} deeper than 127 frames`);
	if (quality.ended_processes)
		parts.push(`${counted(quality.ended_processes, 'process', 'processes')} ended before their names were read`);
	if (quality.kernel_hidden) parts.push('kernel symbols are hidden (kptr_restrict)');
	return parts.join(', ');
}

export function profileTable(profile: Profile, rows: number): string {
	const { mode, stacks, frames } = profile;
	const sum = stacks.reduce((total, stack) => total + stackValue(mode, stack), 0);
	const figure = (value: number) => (mode === 'on-cpu' ? String(value) : formatNs(value));
	const functions = functionsOf(
		stacks.map((stack) => ({
			value: stackValue(mode, stack),
			frames: stack.frames.flatMap((index) => frames[index] ?? []),
		})),
	);
	const share = (value: number) => `${((100 * value) / Math.max(1, sum)).toFixed(1)}%`.padStart(7);
	const lines = functions
		.slice(0, rows)
		.map(
			({ name, module, self, total }) => `${share(self)} ${share(total)}  ${name}${module === '' ? '' : `  ${module}`}`,
		);
	const states = new Map<string, number>();
	for (const stack of stacks) states.set(stack.state, (states.get(stack.state) ?? 0) + stack.ns);
	const byState = [...states].sort(([, a], [, b]) => b - a).map(([state, ns]) => `${state} ${formatNs(ns)}`);
	return [
		`${mode}, ${profile.target}: ${figure(sum)}${mode === 'on-cpu' ? ' samples' : ''} in ${profile.seconds.toFixed(1)} s`,
		...(mode === 'on-cpu' ? [] : [byState.join(', ')]),
		...[unwoundText(profile), cutText(profile), lossText(profile)].filter((line) => line !== ''),
		`${'SELF'.padStart(7)} ${'TOTAL'.padStart(7)}  FUNCTION`,
		...lines,
		'',
	].join('\n');
}
