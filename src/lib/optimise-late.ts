import { setFlagsFromString } from 'node:v8';

/** Calls of a function before V8's two optimising compilers take it, in V8's own count; 400 and 3,000 by default. */
const MAGLEV = 4000;
const TURBOFAN = 60_000;

/**
 * V8 optimises only what runs very often, since compiling took more than it gained, and its code 8 MB. No flags of the
 * launchers: V8 accepts compiled code only under the flags that it was made with, and Node's own modules, which bring theirs
 * along, would be compiled at every start (10 ms).
 */
export function optimiseLate(): void {
	// older ones do not know these
	if (Number.parseInt(process.versions.node, 10) < 24) return;
	setFlagsFromString(`--invocation-count-for-maglev=${MAGLEV}`);
	setFlagsFromString(`--invocation-count-for-turbofan=${TURBOFAN}`);
}
