/** Archives and completions of a release. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bashCompletion, completionWords, fishCompletion, zshCompletion } from '../../scripts/release/completions.ts';
import { npmComponent } from '../../scripts/release/components.ts';
import { checkTags, releaseNote } from '../../scripts/release/note.ts';
import { INSTALLED, PURGED, REMOVED, REMOVING } from '../../scripts/release/scriptlets.ts';
import { unitFiles } from '../../scripts/release/shared.ts';
import { type Entry, tar } from '../../scripts/release/tar.ts';
import { commands } from '../../src/commands/commands.ts';
import { registry } from '../../src/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a tar file', () => {
	const entries: Entry[] = [
		{ path: 'b/file', mode: 0o644, contents: Buffer.from('text') },
		{ path: `${'long/'.repeat(25)}name`, mode: 0o755, contents: Buffer.alloc(1000, 1) },
		{ path: 'a', mode: 0o644, contents: Buffer.alloc(512) },
		{ path: 'link', mode: 0o777, link: 'a' },
	];

	test("is what tar reads: root's, of one time, folders before what is in them", () => {
		const file = join(folder, 'a.tar');
		writeFileSync(file, tar(entries, 86_400));
		const listed = execFileSync('tar', ['--utc', '-tvf', file], { encoding: 'utf8' }).trim().split('\n');
		for (const line of listed)
			expect(line).toMatch(/^[-dl]r.xr?.* root\/root .* 1970-01-02 00:00 |^-rw-r--r-- root\/root .* 1970-01-02 00:00 /);
		const names = listed.map((line) => line.replace(/.*00:00 /, ''));
		expect(names.slice(0, 3)).toEqual(['a', 'b/', 'b/file']);
		expect(names).toContain('link -> a');
		expect(names.at(-1)).toBe(`${'long/'.repeat(25)}name`);
		expect(execFileSync('tar', ['-xOf', file, 'b/file'], { encoding: 'utf8' })).toBe('text');
	});

	test('does not depend on the order of what goes in', () => {
		expect(tar([...entries].reverse(), 1).equals(tar(entries, 1))).toBe(true);
	});

	test('a path that does not fit is refused', () => {
		expect(() => tar([{ path: 'x'.repeat(101), mode: 0o644, contents: Buffer.alloc(0) }], 0)).toThrow(/too long/);
	});
});

describe('completions', () => {
	const words = completionWords({ tracers: registry.map(({ tracer }) => tracer), commands });

	/** What bash offers for the last of these words. */
	function offered(...line: string[]): string[] {
		const file = join(folder, 'completion.bash');
		writeFileSync(file, bashCompletion(words));
		const script = `source ${file}; COMP_WORDS=(wattlag "$@"); COMP_CWORD=$#; _wattlag; printf '%s\\n' "\${COMPREPLY[@]}"`;
		return execFileSync('bash', ['-c', script, 'bash', ...line], { encoding: 'utf8' })
			.split('\n')
			.filter(Boolean);
	}

	test('bash: commands, options, values', () => {
		expect(offered('do')).toEqual(['doctor']);
		expect(offered('--dev')).toContain('--device');
		expect(offered('--tab', 'run')).toEqual(['runqlat']);
		expect(offered('-t', 'energy', '--sort', 'wat')).toEqual(['watts']);
		expect(offered('--tab', 'irq', '--sort', 'wat')).toEqual([]);
		expect(offered('--theme', 'm')).toEqual(['monochrome']);
		expect(offered('--delay', '')).toEqual([]);
	});

	test('every option is in all of them', () => {
		for (const text of [bashCompletion(words), zshCompletion(words)])
			for (const { name } of words.options) expect(text).toContain(`--${name}`);
		for (const { name } of words.options) expect(fishCompletion(words)).toContain(` -l ${name}`);
	});

	test("the scripts' quotes are in pairs", () => {
		execFileSync('bash', ['-n', '-c', bashCompletion(words)]);
		// as far as they go, quotes are those of sh
		execFileSync('sh', ['-n', '-c', fishCompletion(words)]);
	});
});

describe('units of systemd', () => {
	const units = unitFiles(process.cwd()).map(({ path, contents }) => ({
		name: path.replace(/.*\//, ''),
		lines: String(contents).split('\n'),
	}));
	/** Values of a key, words apart. */
	const valuesOf = (lines: readonly string[], key: string) =>
		lines.flatMap((line) => (line.startsWith(`${key}=`) ? line.slice(key.length + 1).split(' ') : []));

	test('one for the batch output, the recorder and the server', () => {
		expect(units.map(({ name }) => name).sort()).toEqual([
			'wattlag-record.service',
			'wattlag-serve.service',
			'wattlag.service',
		]);
	});

	test.each(units)('$name: no rights beyond those of BPF; root only where the folder is root’s', ({ name, lines }) => {
		const bounds = valuesOf(lines, 'CapabilityBoundingSet');
		const known = ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_PTRACE', 'CAP_SYSLOG'];
		// each of them shows or keeps all tabs
		expect(bounds).toEqual(known);
		expect(valuesOf(lines, 'NoNewPrivileges')).toEqual(['yes']);
		expect(valuesOf(lines, 'ProtectSystem')).toEqual(['strict']);
		if (name === 'wattlag-record.service') {
			expect(valuesOf(lines, 'User')).toEqual(['root']);
			return;
		}
		expect(valuesOf(lines, 'DynamicUser')).toEqual(['yes']);
		expect(valuesOf(lines, 'AmbientCapabilities')).toEqual(bounds);
	});

	test.each(units)('$name: what it writes is purged with the package', ({ lines }) => {
		const purged = PURGED.split(' ');
		const folders = [
			...valuesOf(lines, 'LogsDirectory').map((name) => ['log', name]),
			...valuesOf(lines, 'StateDirectory').map((name) => ['lib', name]),
		];
		for (const [base, name] of folders) {
			expect(purged).toContain(`/var/${base}/${name}`);
			// where systemd keeps it for a service with a user of its own
			expect(purged).toContain(`/var/${base}/private/${name}`);
		}
		for (const key of ['CacheDirectory', 'ConfigurationDirectory']) expect(valuesOf(lines, key)).toEqual([]);
	});

	test.each(units)('$name: starts a command that there is, with its options', ({ lines }) => {
		const [, started = ''] =
			/\/usr\/bin\/wattlag (.*)/.exec(lines.find((line) => line.startsWith('ExecStart=')) ?? '') ?? [];
		const [first = ''] = started.split(' ');
		if (!first.startsWith('-')) expect(commands.map(({ name }) => name)).toContain(first);
		const names = new Set(
			completionWords({ tracers: registry.map(({ tracer }) => tracer), commands }).options.map((one) => one.name),
		);
		for (const [, option = ''] of started.matchAll(/ --([a-z-]+)/g)) expect(names).toContain(option);
	});
});

describe('the release note', () => {
	const changelog =
		'# Changelog\n\nText.\n\n## 1.2.0 — 2026-01-02\n\n### Added\n\n- a\n\n## 1.1.0 — 2025-01-02\n\n- b\n';

	test('is the top section of the changelog', () => {
		expect(releaseNote(changelog, '1.2.0')).toBe('## 1.2.0 — 2026-01-02\n\n### Added\n\n- a\n');
		expect(releaseNote('## 1.1.0\n- b\n', '1.1.0')).toBe('## 1.1.0\n- b\n');
	});

	test('of another version is refused', () => {
		expect(() => releaseNote(changelog, '1.3.0')).toThrow(/is of 1\.2\.0, package\.json of 1\.3\.0/);
	});

	test('a tag is of the version, and the section is finished', () => {
		const note = '## 1.2.0 — 2026-01-02\n';
		for (const tags of [[''], ['other'], ['v1.2.0'], ['latest', 'v1.2.0']])
			expect(() => checkTags(tags, '1.2.0', note)).not.toThrow();
		expect(() => checkTags(['v1.1.0'], '1.2.0', note)).toThrow(/has the tag v1\.1\.0/);
		expect(() => checkTags(['v1.2.0'], '1.2.0', '## 1.2.0 — unreleased\n')).toThrow(/is unreleased/);
		expect(() => checkTags([], '1.2.0', '## 1.2.0 — unreleased\n')).not.toThrow();
	});
});

test.each(Object.entries({ INSTALLED, REMOVING, REMOVED, PURGED }))('a package’s commands: %s', (_, commands) => {
	execFileSync('sh', ['-n', '-c', commands]);
	// those that go through systemd name every unit
	for (const [line] of commands.matchAll(/systemctl .*(?:try-restart|disable).*/g))
		for (const { path } of unitFiles(process.cwd())) expect(line).toContain(path.replace(/.*\//, ''));
});

test('every package that the program imports has the text of its licence', () => {
	const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
	for (const name of Object.keys(dependencies)) expect(() => npmComponent(`node_modules/${name}`)).not.toThrow();
});
