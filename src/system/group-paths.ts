/** Paths of control groups that are looked at: those of processes at work, and all above them. */
import { dirname } from 'node:path';
import type { SafeText } from '../lib/sanitize.ts';

/** So many are looked at per interval. */
const LOOKED_AT = 64;

/** Without the root, and without groups whose path is not known (`#77`). */
export function withParents(cgroups: Iterable<SafeText>): Set<SafeText> {
	const looked = new Set<SafeText>();
	for (const cgroup of cgroups) {
		for (let path: string = cgroup; path.startsWith('/') && path !== '/'; path = dirname(path)) {
			if (looked.size >= LOOKED_AT) return looked;
			looked.add(path as SafeText);
		}
	}
	return looked;
}
