/** The package for Fedora, RHEL, SUSE and their kin, by rpmbuild from the ready files. */
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../exec.ts';
import type { Description } from './description.ts';
import type { Effort } from './effort.ts';
import { INSTALLED, REMOVED, REMOVING } from './scriptlets.ts';
import { type Entry, tar } from './tar.ts';
import { type Arch, archs } from './targets.ts';

export interface RpmSettings {
	arch: Arch;
	/** Relative to the root folder. */
	entries: readonly Entry[];
	description: Description;
	effort: Effort;
	seconds: number;
	/** Folder for the build, emptied first. */
	work: string;
	output: string;
}

/** Folders that other packages own. */
const SHARED =
	/^(etc|usr|usr\/(bin|lib|lib\/systemd|lib\/systemd\/system|share)|usr\/share\/(bash-completion|fish|man|zsh|doc)(\/(completions|vendor_completions\.d|man1|site-functions))?)$/;

function list(entries: readonly Entry[]): string[] {
	const own = new Set<string>();
	for (const { path } of entries) {
		for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
			if (!SHARED.test(path.slice(0, slash))) own.add(path.slice(0, slash));
		}
	}
	return [...[...own].sort().map((path) => `%dir "/${path}"`), ...entries.map(({ path }) => `"/${path}"`)];
}

export function buildRpm({ arch, entries, description, effort, seconds, work, output }: RpmSettings): void {
	const { machine } = archs[arch];
	rmSync(work, { recursive: true, force: true });
	mkdirSync(work, { recursive: true });
	// a folder that every build has: paths do not get into the package
	writeFileSync(join(work, 'files.tar'), tar(entries, seconds));
	const spec = [
		'Name: wattlag',
		`Version: ${description.version.replaceAll('-', '~')}`,
		'Release: 1',
		`Summary: ${description.summary}`,
		'License: Apache-2.0 AND GPL-2.0-only AND MIT AND BSD-2-Clause AND LGPL-3.0-or-later AND LGPL-2.1-or-later',
		'Group: System/Monitoring',
		'AutoReqProv: no',
		`%global __os_install_post %{nil}`,
		'%global debug_package %{nil}',
		'%global _build_id_links none',
		'',
		'%description',
		...description.text,
		'',
		'%install',
		`tar -xf ${join(work, 'files.tar')} -C %{buildroot}`,
		'',
		'%post',
		INSTALLED,
		'',
		// 0: no other version stays
		'%preun',
		`if [ "$1" = 0 ]; then ${REMOVING}; fi`,
		'',
		'%postun',
		REMOVED,
		'',
		'%files',
		'%defattr(-,root,root)',
		...list(entries),
		'',
	].join('\n');
	const specPath = join(work, 'wattlag.spec');
	writeFileSync(specPath, spec);
	const define = (name: string, value: string): string[] => ['--define', `${name} ${value}`];
	run(
		'rpmbuild',
		[
			'-bb',
			'--target',
			`${machine}-linux`,
			...define('_topdir', join(work, 'top')),
			...define('_buildhost', 'localhost'),
			...define('use_source_date_epoch_as_buildtime', '1'),
			...define('clamp_mtime_to_source_date_epoch', '1'),
			...define('_binary_payload', `w${effort.zstd}.zstdio`),
			...define('_binary_filedigest_algorithm', '8'),
			specPath,
		],
		{ env: { ...process.env, SOURCE_DATE_EPOCH: `${seconds}`, LC_ALL: 'C' } },
	);
	const [built] = globSync(join(work, 'top/RPMS/*/*.rpm'));
	if (!built) throw new Error('rpmbuild made no package');
	copyFileSync(built, output);
	rmSync(work, { recursive: true, force: true });
}
