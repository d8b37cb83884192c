/** docs/kernel-notes.md has every hard case with its test or the reason why it is left, and the tests that it names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const rows = readFileSync('docs/kernel-notes.md', 'utf8')
	.split('\n')
	.filter((line) => line.startsWith('| '))
	.map((line) => line.slice(2, -2).split(' | '));

/** First cells of the two tables of hard cases. */
const CASES = [
	'owners below stacked devices; control groups; zram',
	'discards and write-zeroes as written bytes, errors',
	'flush sequences under filters',
	'files on btrfs and overlayfs, bind mounts',
	'bcachefs, whose snapshots share inode numbers',
	'stuck IO',
	'names cut, 32-bit calls, calls on metadata',
	'a call that has not queued is displaced by a thread with the same low 14 bits',
	'`request` holds wbt, io.cost, io.latency, zones',
	'name and group after exec and move',
	'hold-back by limits',
	'sleepers that seem to starve',
	'cost measured by patching kernel text',
	'file capabilities for Node',
	'names of control groups',
	'negative durations',
	'culprits by their first name',
	'compilers and renamed members',
	'PREEMPT_RT, task storage, waits of idle CPUs',
	'preempted programs',
	'task storage before 6.2',
	'cgroup hierarchy mounted in part',
	'thousands of control groups',
	'long paths',
	'decomposed Hangul',
	'one identity of a process',
	'rings emptied only at the tick',
	'subjective credentials',
	'arm64',
	'classes of CPUs',
	'a walk holds its CPU',
	'cycles by default',
	'tables per possible CPU',
	'exits overcharge at long intervals',
	'reading cost with many CPUs',
	'`struct irqtime` in BTF, not in use',
	'proxy execution, core scheduling',
	"scans of the kernel's types",
	'folders of other users',
	'no home folder',
	'restricted proc, lxcfs, affinity',
	'time namespaces',
	'seccomp',
	'containers in cgroup v1 only',
	'lockdown to confidentiality',
	'renamed network devices',
	'quotas of v1 and parents',
	'power sources that deliver nothing',
];

/** Files of the tests that a text names: by their path, by their name beside others, by the check of the matrix. */
function testsIn(text: string): { name: string; found: boolean }[] {
	const names = Array.from(text.matchAll(/`([\w./-]+)`/g), ([, name = '']) => name);
	const folders = ['', 'test/unit/', 'test/truth/', 'test/native/', 'test/ui/'];
	const exists = (name: string) => folders.some((folder) => existsSync(`${folder}${name}`));
	return names.flatMap((name) => {
		if (/\.test\.tsx?$/.test(name)) return [{ name, found: exists(name) }];
		const [check, unit] = [`test/matrix/checks/${name}.ts`, `test/unit/${name}.test.ts`];
		return existsSync(check) || existsSync(unit) ? [{ name, found: true }] : [];
	});
}

test.each(CASES)('%s: one row, with a test or the reason why it is left', (name) => {
	const about = rows.filter(([first]) => first === name).map((cells) => cells.slice(1).join(' '));
	expect(about).toHaveLength(1);
	const tests = about.flatMap(testsIn);
	expect(tests.filter(({ found }) => !found)).toEqual([]);
	const text = about.join(' ');
	if (tests.length === 0) expect(text).toMatch(/left|measured|`bpf\/|refuted/);
});

test('rows name no test that is not there', () => {
	expect(rows.flatMap((cells) => testsIn(cells.join(' '))).filter(({ found }) => !found)).toEqual([]);
});
