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

const CUT_CAUSES: Readonly<Record<string, string>> = {
	ended: 'of processes that had ended',
	compiled: 'in compiled code',
	no_tables: 'in files without tables',
	beyond_copy: 'beyond the copy',
};

/** Coverage and cost of unwinding, and why stacks are cut; empty: that was not asked for. */
export function unwoundText({ quality: { user_stacks, cut }, unwound }: Pick<Profile, 'quality' | 'unwound'>): string {
	if (!unwound) return '';
	const { files = 0, files_whole = 0, cut: causes = {} } = unwound;
	const whole = user_stacks === 0 ? '' : `: ${Math.floor((100 * (user_stacks - cut)) / user_stacks)} % are whole`;
	const ofFiles =
		files > 0 && files < user_stacks ? `, of code from files ${Math.floor((100 * files_whole) / files)} %` : '';
	const why = Object.entries(CUT_CAUSES)
		.map(([cause, words]) => [Math.round((100 * (causes[cause] ?? 0)) / Math.max(1, user_stacks)), words] as const)
		.filter(([share]) => share > 0)
		.map(([share, words]) => `${share} % ${words}`);
	const cuts = why.length === 0 ? '' : `; cut: ${why.join(', ')}`;
	const each = unwound.stacks === 0 ? '' : `; ${Math.round(unwound.bytes / unwound.stacks / 1024)} KiB copied of each`;
	return `${counted(unwound.stacks, 'user stack')} unwound by the tables of their files${whole}${ofFiles}${cuts}${each}`;
}

/** Why there is nothing in it; empty: there is something. @param exists some thread of the target is there now */
export function emptyText({ mode, stacks, target, target_ended, seconds }: Profile, exists: boolean): string {
	if (stacks.some(({ count, ns }) => count > 0 || ns > 0)) return '';
	const what = mode === 'on-cpu' ? 'no sample' : 'no wait';
	const length = `${seconds.toFixed(1)} s`;
	if (target_ended) return `${what}: ${target} ended within ${length}`;
	if (!exists) return `${what}: there is no process of ${target}`;
	const why = mode === 'on-cpu' ? 'it did not run; --wall has waits, too' : 'it did not wait';
	return `${what} of ${target} in ${length}: ${why}`;
}

/** What servers of symbols said; empty: none was asked, or none had to be. */
export function serverText({ late_symbols }: Partial<Pick<Profile, 'late_symbols'>>): string {
	const debuginfod = late_symbols?.debuginfod;
	if (!debuginfod || debuginfod.asked === 0) return '';
	const { asked, found, failed, bytes, failure } = debuginfod;
	const came = bytes === 0 ? '' : ` (${(bytes / 1e6).toFixed(1)} MB came)`;
	const wrong = failed === 0 ? '' : `, ${failed} failed: ${failure}`;
	return `debuginfod: symbols of ${found} of ${asked} files${came}${wrong}`;
}

/** What was lost, in words; empty: nothing. */
export function lossText({
	lost,
	quality,
	late_symbols,
	target_ended,
}: Pick<Profile, 'lost' | 'quality'> & Partial<Pick<Profile, 'late_symbols' | 'target_ended'>>): string {
	const parts: string[] = [];
	const compressed = late_symbols?.compressed;
	if (target_ended) parts.push('the process has ended');
	if (compressed?.refused)
		parts.push(
			`compressed symbols of ${compressed.refused} of ${compressed.asked} files were refused: damaged or too large`,
		);
	if (lost['stacks_full']) parts.push(`${counted(lost['stacks_full'], 'stack')} not kept (map full)`);
	if (lost['counts_full']) parts.push(`${counted(lost['counts_full'], 'event')} not counted (map full)`);
	if (lost['copies_lost'])
		parts.push(`${counted(lost['copies_lost'], 'stack')} not copied (ring full): by frame pointers`);
	if (lost['unmatched']) parts.push(`${counted(lost['unmatched'], 'event')} without a beginning`);
	if (quality.deep) parts.push(`${counted(quality.deep, 'stack')} deeper than 127 frames`);
	if (quality.ended_processes)
		parts.push(`${counted(quality.ended_processes, 'process', 'processes')} ended before their names were read`);
	if (quality.kernel_hidden)
		parts.push('kernel symbols are hidden: needs CAP_SYSLOG, and kernel.kptr_restrict of 0 or 1');
	return parts.join(', ');
}

/** The hottest functions, at most `rows` of them: own share, share with callees, name; above them sums, coverage and losses. */
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
		...[unwoundText(profile), cutText(profile), serverText(profile), lossText(profile)].filter((line) => line !== ''),
		`${'SELF'.padStart(7)} ${'TOTAL'.padStart(7)}  FUNCTION`,
		...lines,
		'',
	].join('\n');
}
