/** The npm packages: wattlag with addons for every machine, and Node, stripped, in a package per architecture. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Effort } from './effort.ts';
import { type Entry, tar } from './tar.ts';
import type { Arch } from './targets.ts';

export interface NpmSettings {
	root: string;
	version: string;
	description: string;
	/** By architecture: files of the tree. */
	trees: ReadonlyMap<Arch, readonly Entry[]>;
	/** By `ARCH-LIBC`: paths of addons. */
	addons: ReadonlyMap<string, string>;
	notices: string;
	/** Version of Node. */
	node: string;
	effort: Effort;
	seconds: number;
	/** Folder of the artifacts. */
	out: string;
}

function pack(entries: readonly Entry[], effort: Effort, seconds: number): Buffer {
	return gzipSync(
		tar(
			entries.map((entry) => ({ ...entry, path: `package/${entry.path}` })),
			seconds,
		),
		{ level: effort.gzip },
	);
}

const json = (value: object): Buffer => Buffer.from(`${JSON.stringify(value, null, '\t')}\n`);

function nodeName(arch: Arch): string {
	return `wattlag-node-linux-${arch}`;
}

export function buildNpm({
	root,
	version,
	description,
	trees,
	addons,
	notices,
	node,
	effort,
	seconds,
	out,
}: NpmSettings): void {
	const file = (path: string, contents: Buffer | string, mode = 0o644): Entry => ({
		path,
		mode,
		contents: Buffer.from(contents),
	});
	const [first] = trees.values();
	if (!first) throw new Error('no tree');
	const entries: Entry[] = [
		file(
			'package.json',
			json({
				name: 'wattlag',
				version,
				description,
				license: 'Apache-2.0',
				type: 'module',
				os: ['linux'],
				cpu: [...trees.keys()],
				bin: { wattlag: 'bin/wattlag' },
				man: 'man/wattlag.1',
				optionalDependencies: Object.fromEntries([...trees.keys()].map((arch) => [nodeName(arch), node])),
			}),
		),
		file('bin/wattlag', readFileSync(join(root, 'scripts/release/files/npm-launcher.sh')), 0o755),
		...['trusted.sh', 'node-flags.sh'].map((name) => file(`bin/${name}`, readFileSync(join(root, 'scripts', name)))),
		file('README.md', readFileSync(join(root, 'README.md'))),
		file('LICENSE', readFileSync(join(root, 'LICENSE'))),
		file('THIRD-PARTY', notices),
		file('man/wattlag.1', readFileSync(join(root, 'docs/wattlag.1'))),
		...first.filter(({ path }) => path.startsWith('dist/')),
		...[...trees].flatMap(([arch, tree]) =>
			tree
				.filter(({ path }) => path.startsWith('build/bpf/'))
				.map((entry) => ({ ...entry, path: entry.path.replace('build/bpf/', `prebuilds/${arch}/bpf/`) })),
		),
		...[...addons].map(([target, path]) => {
			const [arch, libc] = target.split('-');
			return file(`prebuilds/${arch}/wattlag.${libc}.node`, readFileSync(path));
		}),
	];
	writeFileSync(join(out, `wattlag-${version}.tgz`), pack(entries, effort, seconds));
	for (const [arch, tree] of trees) {
		const binary = tree.find(({ path }) => path === 'node');
		const licence = tree.find(({ path }) => path === 'licences/NODE-LICENSE');
		if (!binary?.contents || !licence?.contents) throw new Error(`the tree for ${arch} has no Node`);
		const own = [
			file(
				'package.json',
				json({
					name: nodeName(arch),
					version: node,
					description: `Node.js ${node} without symbols and headers, for wattlag`,
					license: 'MIT',
					os: ['linux'],
					cpu: [arch],
					libc: ['glibc'],
				}),
			),
			file('bin/node', binary.contents, 0o755),
			file('LICENSE', licence.contents),
		];
		writeFileSync(join(out, `${nodeName(arch)}-${node}.tgz`), pack(own, effort, seconds));
	}
}
