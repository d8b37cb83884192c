/** Programs behind names that say nothing, for findings: Node.js names the main thread of every program alike. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Suspicion } from './finding.ts';

/** Names that a runtime gives to the main thread of all its programs: Node.js from 24 on. */
const ALIKE: ReadonlySet<string> = new Set(['MainThread']);

/** @param programOf by pid; empty: not known */
export function withPrograms(suspicion: Suspicion, programOf: (pid: number) => SafeText): Suspicion {
	const { subject, owner, link } = suspicion;
	const [, name = '', pid] = /^([^[\s]+)(?:\[(\d+)\])?/.exec(subject) ?? [];
	const whose = ALIKE.has(name) ? Number(pid ?? link.process?.split(':')[0] ?? 0) : 0;
	const program = whose > 0 ? programOf(whose) : safe``;
	const owned = owner && ALIKE.has(owner.comm) && owner.pid > 0 ? programOf(owner.pid) : safe``;
	if (program === '' && owned === '') return suspicion;
	return {
		...suspicion,
		...(program !== '' && { subject: safe`${subject} (${program})` }),
		...(owner && owned !== '' && { owner: { ...owner, program: owned } }),
	};
}
