/** The OCI image of both architectures, from scratch: the files of an installation and nothing else. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Description } from './description.ts';
import type { Effort } from './effort.ts';
import { type Entry, tar } from './tar.ts';
import { type Arch, archs } from './targets.ts';

export interface OciSettings {
	/** By architecture: files relative to the root folder. */
	roots: ReadonlyMap<Arch, readonly Entry[]>;
	description: Description;
	commit: string;
	effort: Effort;
	seconds: number;
	output: string;
}

interface Descriptor {
	mediaType: string;
	digest: string;
	size: number;
	[other: string]: unknown;
}

export function buildOci({ roots, description, commit, effort, seconds, output }: OciSettings): void {
	const blobs = new Map<string, Buffer>();
	const add = (mediaType: string, bytes: Buffer): Descriptor => {
		const sum = createHash('sha256').update(bytes).digest('hex');
		blobs.set(`blobs/sha256/${sum}`, bytes);
		return { mediaType, digest: `sha256:${sum}`, size: bytes.length };
	};
	const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
	const created = new Date(seconds * 1000).toISOString();
	const annotations = {
		'org.opencontainers.image.title': 'wattlag',
		'org.opencontainers.image.description': description.summary,
		'org.opencontainers.image.version': description.version,
		'org.opencontainers.image.revision': commit,
		'org.opencontainers.image.created': created,
	};
	const manifests = [...roots].map(([arch, entries]) => {
		const files = tar(entries, seconds);
		const layer = add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(files, { level: effort.gzip }));
		const config = add(
			'application/vnd.oci.image.config.v1+json',
			json({
				created,
				architecture: archs[arch].oci,
				os: 'linux',
				config: {
					Entrypoint: ['/usr/bin/wattlag'],
					Env: ['PATH=/usr/bin', 'TERM=xterm-256color'],
					WorkingDir: '/',
					Labels: annotations,
				},
				rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(files).digest('hex')}`] },
				history: [{ created, created_by: 'wattlag release' }],
			}),
		);
		const mediaType = 'application/vnd.oci.image.manifest.v1+json';
		const manifest = add(mediaType, json({ schemaVersion: 2, mediaType, config, layers: [layer], annotations }));
		return { ...manifest, platform: { architecture: archs[arch].oci, os: 'linux' } };
	});
	const mediaType = 'application/vnd.oci.image.index.v1+json';
	const index = add(mediaType, json({ schemaVersion: 2, mediaType, manifests, annotations }));
	const file = (path: string, contents: Buffer): Entry => ({ path, mode: 0o644, contents });
	writeFileSync(
		output,
		tar(
			[
				file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
				file(
					'index.json',
					json({
						schemaVersion: 2,
						mediaType,
						manifests: [{ ...index, annotations: { 'org.opencontainers.image.ref.name': description.version } }],
					}),
				),
				...[...blobs].map(([path, bytes]) => file(path, bytes)),
			],
			seconds,
		),
	);
}
