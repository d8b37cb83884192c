/** FIXTURE: snapshots in which every name that a machine's users choose tries to become something else. */
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';

/** Ends of labels and lines, samples, comments, markup, escape sequences, text that runs backwards, bytes that are no text. */
export const NASTY: readonly (string | Buffer)[] = [
	'a"} 1\nwattlag_fake_total 2\n# TYPE x gauge',
	'\\',
	'\\" , evil="1',
	'{__name__="up"}',
	'# EOF\n',
	'<img src=x onerror="document.title=1"></script><script>document.title=1</script>',
	'"><svg onload=document.title=1>',
	"' onmouseover='document.title=1",
	'&lt;b&gt;&#x3c;script&#x3e;',
	'javascript:document.title=1',
	'\u001b]0;owned\u0007\u001b[2J',
	'‮gnp.exe⁦',
	Buffer.from([0xff, 0xfe, 0x00, 0x41, 0xc3, 0x28]),
	'=cmd|calc!A0',
];

/** Fields with names that come from outside. */
const FOREIGN = new Set([
	...['comm', 'cgroup', 'user', 'container', 'command', 'device', 'partition', 'name', 'subject', 'text', 'owner_name'],
	...['function', 'file', 'location', 'who', 'meaning', 'advice', 'wchan', 'target', 'interrupted_comm'],
]);

/** The same snapshot with other names, each of them a different one of {@link NASTY}; one name stays one name. */
export function hostile<S extends Snapshot>(snapshot: S): S {
	const names = new Map<string, string>();
	const nameOf = (name: string): string => {
		const known = names.get(name) ?? `${sanitize(NASTY[names.size % NASTY.length] as string)}${names.size}`;
		names.set(name, known);
		return known;
	};
	const walk = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(walk);
		if (typeof value !== 'object' || value === null) return value;
		return Object.fromEntries(
			Object.entries(value).map(([key, one]) => [
				key,
				typeof one === 'string' && one !== '' && FOREIGN.has(key) ? nameOf(one) : walk(one),
			]),
		);
	};
	return walk(snapshot) as S;
}
