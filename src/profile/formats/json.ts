/** A profile as JSON: the model, with functions summed up. Schema: docs/profiles.md. */
import { type Profile, stackValue } from '../model.ts';
import { functionsOf } from '../tree.ts';

/** Functions in the list. */
const MOST = 1000;

export function profileJson(profile: Profile): string {
	const { frames, stacks, ...rest } = profile;
	const functions = functionsOf(
		stacks.map((stack) => ({
			value: stackValue(profile.mode, stack),
			frames: stack.frames.flatMap((index) => frames[index] ?? []),
		})),
	).slice(0, MOST);
	const states: Record<string, number> = {};
	for (const { state, ns } of stacks) states[state] = (states[state] ?? 0) + ns;
	return `${JSON.stringify({ schema: 1, kind: 'profile', ...rest, states_ns: states, functions, frames, stacks })}\n`;
}
