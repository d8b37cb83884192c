/** Documents of a release that say what is in it: licences, list of components, sums. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from './components.ts';
import type { Description } from './description.ts';

const PARTS: Readonly<Record<Component['part'], string>> = {
	bundle: 'in the JavaScript bundle',
	addon: 'linked into the addon wattlag.node',
	launcher: 'linked into the launcher',
	runtime: 'a separate file that the launcher starts or that Node loads',
};

/** All licences with their texts. */
export function thirdParty(components: readonly Component[], own: { apache: string; gpl: string }): string {
	const rule = '='.repeat(100);
	const section = (title: string, text: string): string => `${rule}\n${title}\n${rule}\n\n${text.trim()}\n`;
	return [
		section('wattlag: Apache-2.0', own.apache),
		section('BPF programs (build/bpf/*.bpf.o, separate files that the kernel loads): GPL-2.0', own.gpl),
		...components.map(({ name, version, license, part, text }) =>
			section(`${name} ${version}: ${license}, ${PARTS[part]}`, text),
		),
		`The sources of all C libraries, with the scripts that build and link them, are in wattlag-VERSION-sources.tar of the same\nrelease. With them libelf can be changed and the addon linked anew: npm run release.\n\nglibc's dynamic linker is changed in one point: it does not read /etc/ld.so.preload (scripts/release/tree.ts).\n`,
	].join('\n');
}

export interface SbomSettings {
	components: readonly Component[];
	description: Description;
	commit: string;
	seconds: number;
}

/** CycloneDX 1.5. The same bytes for the same commit. */
export function sbom({ components, description, commit, seconds }: SbomSettings): string {
	const id = createHash('sha256').update(`wattlag ${description.version} ${commit}`).digest('hex');
	const uuid = [id.slice(0, 8), id.slice(8, 12), `5${id.slice(13, 16)}`, `8${id.slice(17, 20)}`, id.slice(20, 32)].join(
		'-',
	);
	const license = (expression: string): object[] =>
		/ /.test(expression) ? [{ expression }] : [{ license: { id: expression } }];
	return `${JSON.stringify(
		{
			bomFormat: 'CycloneDX',
			specVersion: '1.5',
			serialNumber: `urn:uuid:${uuid}`,
			version: 1,
			metadata: {
				timestamp: new Date(seconds * 1000).toISOString(),
				component: {
					type: 'application',
					'bom-ref': 'wattlag',
					name: 'wattlag',
					version: description.version,
					description: description.summary,
					licenses: license('Apache-2.0'),
					purl: `pkg:npm/wattlag@${description.version}`,
					properties: [{ name: 'commit', value: commit }],
				},
			},
			components: components.map(({ name, version, license: expression, purl, part }) => ({
				type: 'library',
				'bom-ref': `${part}:${purl}`,
				name,
				version,
				licenses: license(expression),
				purl,
				properties: [{ name: 'wattlag:part', value: part }],
			})),
			dependencies: [{ ref: 'wattlag', dependsOn: components.map(({ part, purl }) => `${part}:${purl}`) }],
		},
		null,
		'\t',
	)}\n`;
}

/** SHA256SUMS of the artifacts, in the form that `sha256sum -c` reads. */
export function writeSums(folder: string): void {
	const names = readdirSync(folder)
		.filter((name) => /^wattlag/.test(name))
		.sort();
	const lines = names.map(
		(name) =>
			`${createHash('sha256')
				.update(readFileSync(join(folder, name)))
				.digest('hex')}  ${name}\n`,
	);
	writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''));
}
