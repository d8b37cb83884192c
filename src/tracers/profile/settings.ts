/** What the options of a profile mean. */
import { filterOf, filterText } from '../../bpf/task-filter.ts';
import type { Options } from '../../core/tracer.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { PROFILE_MODES, type ProfileMode } from '../../profile/model.ts';
import { ALL_PROCESSES } from './snapshot.ts';
import type { TakingOptions } from './taking.ts';

/** Seconds after which the profile ends by itself; 0: it does not. Such a one is for findings. */
export function limitOf(options: Options): number {
	return Math.max(0, Number(options['stop_after'] ?? 0));
}

/**
 * `mode`, `tid` and `stop_after` (seconds; 0: no limit) come from the screen. With a limit it is a profile for findings:
 * running code and waits, unwound. Throws where a control group does not exist.
 */
export function takingOptions(options: Options, procRoot: string, cgroupName: (id: number) => string): TakingOptions {
	const { mode, tid } = options;
	const forFindings = limitOf(options) > 0;
	const chosen = PROFILE_MODES.includes(mode as ProfileMode) ? (mode as ProfileMode) : 'on-cpu';
	const thread = typeof tid === 'number' && tid > 0 ? tid : undefined;
	const text = filterText(options, cgroupName);
	return {
		mode: forFindings ? 'wall' : chosen,
		target: { ...filterOf(options, procRoot), tid: thread },
		targetText: text === '' ? ALL_PROCESSES : sanitize(thread ? `${text}, thread ${thread}` : text),
		cgroup: typeof options['cgroup'] === 'string' && options['cgroup'] !== '' ? options['cgroup'] : undefined,
		hz: Number(options['profile-hz'] ?? 99),
		unwind: forFindings || options['unwind'] === true,
		offCpuMin: Number(options['off-cpu-min'] ?? 1) * 1e6,
		debuginfod: String(options['debuginfod'] ?? ''),
	};
}
