import { setFlagsFromString } from 'node:v8';

/** Calls of a function before V8's optimising compiler takes it, in units of V8's own count; 3,000 by default. */
const CALLS = 60_000;

/**
 * V8 optimises only what runs very often, since compiling took more than it gained. Not a flag of the launchers: V8 accepts
 * compiled code only under the flags that it was made with, and Node's own modules, which bring theirs along, were compiled
 * at every start (10 ms).
 */
export function optimiseLate(): void {
	// older ones do not know it
	if (Number.parseInt(process.versions.node, 10) >= 24) setFlagsFromString(`--invocation-count-for-turbofan=${CALLS}`);
}
