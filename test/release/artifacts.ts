/** Paths of what `npm run release` has built. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Arch, archs, hostArch } from '../../scripts/release/targets.ts';

export const folder = resolve(process.env['WATTLAG_RELEASE'] ?? 'build/release');
export const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const host = hostArch();

export const artifact = {
	file: (arch: Arch = host) => join(folder, `wattlag-${version}-linux-${arch}`),
	archive: (arch: Arch = host) => join(folder, `wattlag-${version}-linux-${arch}.tar.xz`),
	deb: (arch: Arch = host) => join(folder, `wattlag_${version}_${archs[arch].debian}.deb`),
	rpm: (arch: Arch = host) => join(folder, `wattlag-${version}-1.${archs[arch].machine}.rpm`),
	image: () => join(folder, `wattlag-${version}.oci.tar`),
	npm: () => join(folder, `wattlag-${version}.tgz`),
	sbom: () => join(folder, `wattlag-${version}.cdx.json`),
	thirdParty: () => join(folder, `wattlag-${version}-THIRD-PARTY.txt`),
	sources: () => join(folder, `wattlag-${version}-sources.tar`),
	note: () => join(folder, `wattlag-${version}-NOTE.md`),
	sums: () => join(folder, 'SHA256SUMS'),
};
