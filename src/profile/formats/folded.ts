/** Folded stacks, a line each, as flamegraph.pl, speedscope and inferno read them. */
import type { Profile, ProfileFrame, ProfileStack } from '../model.ts';
import { stackValue } from '../model.ts';

/** Marks by which such tools colour frames. */
const marks: Partial<Record<ProfileFrame['kind'], string>> = { kernel: '_[k]', jit: '_[j]' };

/** `;` separates frames, and the last blank the value. */
function inert(text: string): string {
	return text.replaceAll(';', ':');
}

/** Outermost first: process, state (except where all are on a CPU), functions. */
export function framesOf(profile: Profile, stack: ProfileStack): string[] {
	const frames = stack.frames.map((index) => {
		const frame = profile.frames[index];
		return frame ? `${frame.name}${marks[frame.kind] ?? ''}` : '';
	});
	const state = profile.mode === 'on-cpu' ? [] : [`[${stack.state}]`];
	const lock = stack.lock === undefined ? [] : [`[${stack.lock}]`];
	return [stack.comm, ...state, ...lock, ...frames];
}

/** Samples (on-CPU) or microseconds. Stacks of all threads of a process together, the largest first. */
export function folded(profile: Profile): string {
	const lines = new Map<string, number>();
	for (const stack of profile.stacks) {
		const line = framesOf(profile, stack).map(inert).join(';');
		const value = stackValue(profile.mode, stack);
		lines.set(line, (lines.get(line) ?? 0) + (profile.mode === 'on-cpu' ? value : value / 1e3));
	}
	return [...lines]
		.sort(([, a], [, b]) => b - a)
		.map(([line, value]) => `${line} ${Math.round(value)}\n`)
		.join('');
}
