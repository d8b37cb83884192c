/** What the artifacts are made of: npm packages in the bundle, C libraries in the addon and the launcher, the runtime. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ADDON_SOURCES, sourceFolder } from './addon.ts';
import type { DebianArchive } from './debian.ts';
import { nodePackage } from './node.ts';
import { hostArch } from './targets.ts';

export interface Component {
	name: string;
	version: string;
	/** SPDX expression. */
	license: string;
	/** Package URL. */
	purl: string;
	/** Where it is: `bundle`, `addon`, `launcher`, `runtime`. */
	part: 'bundle' | 'addon' | 'launcher' | 'runtime';
	/** Its licence in full. */
	text: string;
}

/** Packages without a file of their licence: holders, as their files or their package.json name them. */
const HOLDERS: Readonly<Record<string, string>> = {
	'drawille-canvas-blessed-contrib': 'Bence Dányi',
	x256: 'James Halliday',
	// the second began it, as xzwasm
	'xz-decompress': 'Tim Perry, Steve Sanderson',
	'yoga-layout': 'Meta Platforms, Inc. and affiliates.',
};

const MIT = (holder: string): string => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** Folders of the npm packages of which some byte is in the bundle. */
function bundledPackages({ outputs }: Metafile): string[] {
	const folders = new Set<string>();
	for (const { inputs } of Object.values(outputs)) {
		for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
			const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
			if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
		}
	}
	return [...folders].sort();
}

/** Fails for a package without the text of its licence. */
export function npmComponent(folder: string): Component {
	const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
		'name' | 'version' | 'license',
		string
	>;
	const texts = globSync(['LICEN[CS]E*', 'licen[cs]e*', 'NOTICE*', 'build/licenses.md'], { cwd: folder })
		.sort()
		.map((file) => readFileSync(join(folder, file), 'utf8').trim());
	const holder = HOLDERS[name];
	if (texts.length === 0 && (holder === undefined || license !== 'MIT'))
		throw new Error(`${name}: no text of its licence (${license})`);
	return {
		name,
		version,
		license,
		purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
		part: 'bundle',
		text: texts.length > 0 ? texts.join('\n\n') : MIT(holder as string),
	};
}

interface Library {
	source: Parameters<typeof sourceFolder>[1];
	name: string;
	license: string;
	/** Of its licence's text, in its source. */
	files: string[];
	part: Component['part'];
}

const LIBRARIES: readonly Library[] = [
	{ source: 'libbpf', name: 'libbpf', license: 'BSD-2-Clause', files: ['LICENSE.BSD-2-Clause'], part: 'addon' },
	{
		source: 'elfutils',
		name: 'libelf',
		license: 'GPL-2.0-or-later OR LGPL-3.0-or-later',
		files: ['COPYING-LGPLV3', 'COPYING-GPLV2'],
		part: 'addon',
	},
	{ source: 'zlib', name: 'zlib', license: 'Zlib', files: ['LICENSE'], part: 'addon' },
	{ source: 'libzstd', name: 'zstd', license: 'BSD-3-Clause', files: ['LICENSE'], part: 'launcher' },
];

export interface ComponentSettings {
	metafile: Metafile;
	archive: DebianArchive;
	root: string;
	work: string;
	cache: string;
}

export function listComponents({ metafile, archive, root, work, cache }: ComponentSettings): Component[] {
	const missing = ADDON_SOURCES.filter(
		(name) => !LIBRARIES.some(({ source, part }) => source === name && part === 'addon'),
	);
	if (missing.length > 0) throw new Error(`no licence is known of ${missing.join(', ')}`);
	const arch = hostArch();
	const debian = (name: string, version: string): string => `pkg:deb/debian/${name}@${version}?distro=bookworm`;
	const copyright = (name: 'gcc-12-base' | 'libc6' | 'musl'): string =>
		archive.readFile(arch, name, `usr/share/doc/${name}/copyright`);
	const node = nodePackage(arch, root, cache);
	// elfutils brings the text that GCC's notice refers to
	const gpl3 = readFileSync(join(sourceFolder(archive, 'elfutils', work), 'COPYING'), 'utf8');
	return [
		...bundledPackages(metafile).map(npmComponent),
		...LIBRARIES.map(({ source, name, license, files, part }) => ({
			name,
			version: archive.version(source),
			license,
			purl: debian(source, archive.version(source)),
			part,
			text: files
				.map((file) => readFileSync(join(sourceFolder(archive, source, work), file), 'utf8').trim())
				.join('\n\n'),
		})),
		{
			name: 'musl',
			version: archive.version('musl'),
			license: 'MIT',
			purl: debian('musl', archive.version('musl')),
			part: 'launcher',
			text: copyright('musl'),
		},
		{
			name: 'glibc',
			version: archive.version('glibc'),
			license: 'LGPL-2.1-or-later',
			purl: debian('glibc', archive.version('glibc')),
			part: 'runtime',
			text: copyright('libc6'),
		},
		{
			name: 'libgcc and libstdc++',
			version: archive.version('gcc-12'),
			license: 'GPL-3.0-or-later WITH GCC-exception-3.1',
			purl: debian('gcc-12', archive.version('gcc-12')),
			part: 'runtime',
			text: `${copyright('gcc-12-base')}\n\n${gpl3}`,
		},
		{
			name: 'node',
			version: node.version,
			license: 'MIT',
			purl: `pkg:generic/node@${node.version}`,
			part: 'runtime',
			text: readFileSync(join(node.folder, 'LICENSE'), 'utf8'),
		},
	];
}
