/** The package for Debian and its kin, written without their tools: an ar file with two tar files. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { xz } from './archive.ts';
import type { Description } from './description.ts';
import type { Effort } from './effort.ts';
import { INSTALLED, PURGED, REMOVED, REMOVING } from './scriptlets.ts';
import { type Entry, tar, withFolders } from './tar.ts';
import { type Arch, archs } from './targets.ts';

function ar(members: readonly { name: string; contents: Buffer }[], seconds: number): Buffer {
	const parts: Buffer[] = [Buffer.from('!<arch>\n')];
	for (const { name, contents } of members) {
		const header = `${name.padEnd(16)}${`${seconds}`.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${`${contents.length}`.padEnd(10)}\`\n`;
		parts.push(Buffer.from(header, 'latin1'), contents, Buffer.alloc(contents.length % 2, '\n'));
	}
	return Buffer.concat(parts);
}

export interface DebSettings {
	arch: Arch;
	/** Relative to the root folder. */
	entries: readonly Entry[];
	description: Description;
	effort: Effort;
	seconds: number;
	output: string;
}

export function buildDeb({ arch, entries, description, effort, seconds, output }: DebSettings): void {
	const files = entries.filter(({ contents }) => contents);
	const kibibytes = withFolders(entries).reduce(
		(total, { contents }) => total + Math.ceil((contents?.length ?? 1) / 1024),
		0,
	);
	const control = [
		'Package: wattlag',
		`Version: ${description.version}`,
		`Architecture: ${archs[arch].debian}`,
		`Maintainer: ${description.maintainer}`,
		`Installed-Size: ${kibibytes}`,
		'Section: admin',
		'Priority: optional',
		`Description: ${description.summary}`,
		...description.text.map((line) => ` ${line}`),
		'',
	].join('\n');
	const sums = files
		.map(
			({ path, contents }) =>
				`${createHash('md5')
					.update(contents as Buffer)
					.digest('hex')}  ${path}\n`,
		)
		.join('');
	const script = (...commands: string[]): string => `#!/bin/sh\nset -e\n${commands.join('\n')}\n`;
	/** dpkg names its reason in the first argument. */
	const only = (reason: string, commands: string): string => `if [ "$1" = ${reason} ]; then\n${commands}\nfi`;
	const scripts = {
		postinst: script(INSTALLED),
		prerm: script(only('remove', REMOVING)),
		// an upgrade removes code that was compiled from the old version
		postrm: script(REMOVED, only('purge', PURGED)),
	};
	const text = (path: string, contents: string, mode = 0o644): Entry => ({
		path,
		mode,
		contents: Buffer.from(contents),
	});
	const members = [
		{ name: 'debian-binary', contents: Buffer.from('2.0\n') },
		{
			name: 'control.tar.xz',
			contents: xz(
				tar(
					[
						text('control', control),
						text('md5sums', sums),
						...Object.entries(scripts).map(([name, contents]) => text(name, contents, 0o755)),
					],
					seconds,
				),
				effort,
			),
		},
		{ name: 'data.tar.xz', contents: xz(tar(entries, seconds), effort) },
	];
	writeFileSync(output, ar(members, seconds));
}
