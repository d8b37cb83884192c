/** Debian's kernels, made ready to boot: image, modules with their dependencies. Kept in the cache. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Kernel } from '../machines.ts';
import { type Arch, type Archive, unpack } from './archive.ts';
import { progress } from './progress.ts';

export interface Prepared {
	/** `6.12.118+deb13-amd64`. */
	release: string;
	/** What QEMU boots. */
	image: string;
	/** Becomes /lib/modules/RELEASE of the guest. */
	modules: string;
	/** Files of modules that have to be loaded for these, in that order; those built in are left out. */
	insmodOrder(names: readonly string[]): string[];
}

/** Modules that checks may need; all of them are three times as many. Patterns of `tar --wildcards`, where `*` has slashes. */
const MODULES = [
	'arch/*/crypto',
	'block',
	'crypto',
	'drivers/block',
	'drivers/char/virtio_console.*',
	'drivers/crypto/virtio',
	'drivers/dax',
	'drivers/md',
	'drivers/net/bonding',
	'drivers/net/dummy.*',
	'drivers/net/macvlan.*',
	'drivers/net/net_failover.*',
	'drivers/net/tun.*',
	'drivers/net/veth.*',
	'drivers/net/virtio_net.*',
	'drivers/nvme',
	'drivers/scsi/scsi_*',
	'drivers/scsi/sd_mod.*',
	'drivers/scsi/virtio_scsi.*',
	'drivers/virtio',
	'fs/9p',
	'fs/btrfs',
	'fs/configfs',
	'fs/ext4',
	'fs/fscache',
	'fs/fuse',
	'fs/jbd2',
	'fs/mbcache.*',
	'fs/netfs',
	'fs/overlayfs',
	'fs/xfs',
	'lib',
	'mm',
	'net/802',
	'net/9p',
	'net/bridge',
	'net/core',
	'net/llc',
	'net/sched',
	'net/tls',
];

/** Kernels in the cache that were unpacked by another list are not used. */
const LIST = createHash('sha256').update(MODULES.join('\n')).digest('hex').slice(0, 8);

/** Names sorted as versions are: 6.1.0-9 before 6.1.0-10. */
const byVersion = new Intl.Collator('en', { numeric: true }).compare;

const moduleName = (path: string): string =>
	basename(path)
		.replace(/\.ko(\..*)?$/, '')
		.replaceAll('-', '_');

/** Release and names of the packages of the newest kernel of a series. */
function find(archive: Archive, series: Kernel, arch: Arch): { release: string; packages: string[] } {
	const release = new RegExp(
		`^linux-(?:image|binary)-(${series.replace('.', '\\.')}\\.\\d+[^-]*(?:-[\\d.]+[^-]*)?-${arch})$`,
	);
	const names = [...archive.names(`linux-image-${series}`), ...archive.names(`linux-binary-${series}`)];
	const releases = new Set(names.flatMap((name) => release.exec(name)?.[1] ?? []));
	for (const found of [...releases].sort(byVersion).reverse()) {
		// from 7 on the image is a package without files, beside the others
		for (const kinds of [['binary', 'modules', 'base'], ['image']]) {
			const packages = kinds.map((kind) => `linux-${kind}-${found}`);
			if (packages.every((name) => archive.has(name, arch))) return { release: found, packages };
		}
	}
	throw new Error(`the archive has no kernel ${series} for ${arch}`);
}

/**
 * The uncompressed kernel in a bzImage (Documentation/arch/x86/boot.rst): QEMU starts it at once, while unpacking it in an
 * emulated CPU takes seconds.
 */
function uncompressed(bzImage: Buffer): Buffer {
	const setup = ((bzImage.readUInt8(0x1f1) || 4) + 1) * 512;
	const offset = setup + bzImage.readUInt32LE(0x248);
	// the last 4 bytes are the size
	const payload = bzImage.subarray(offset, offset + bzImage.readUInt32LE(0x24c) - 4);
	const magic = payload.readUInt32BE(0);
	if (magic === 0x28b52ffd) return zstdDecompressSync(payload);
	if (magic >>> 16 === 0x1f8b) return gunzipSync(payload);
	if (magic !== 0xfd377a58) throw new Error(`kernel compressed in an unknown way (${magic.toString(16)})`);
	return execFileSync('xz', ['-dc', '--single-stream'], { input: payload, maxBuffer: 1 << 28 });
}

/** Fill a folder with the kernel of these packages. */
function make(debs: readonly string[], release: string, arch: Arch, busybox: string, folder: string): void {
	const files = join(folder, 'files');
	const kinds = ['lib', 'usr/lib'].flatMap((root) => [
		...MODULES.map((path) => `./${root}/modules/${release}/kernel/${path}*`),
		`./${root}/modules/${release}/modules.*`,
		`./${root}/modules/${release}/vmlinuz`,
	]);
	for (const deb of debs) unpack(deb, files, ['./boot/vmlinuz-*', ...kinds]);
	const root = existsSync(join(files, 'lib')) ? files : join(files, 'usr');
	const modules = join(root, 'lib/modules', release);
	execFileSync('sh', [
		'-c',
		'find "$1" -name "*.ko.xz" -exec xz -d {} +; find "$1" -name "*.ko.zst" -exec zstd -dq --rm {} +',
		'sh',
		modules,
	]);
	const boot = [join(files, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')].find((path) => existsSync(path));
	if (boot === undefined) throw new Error(`no kernel image in ${debs.map((deb) => basename(deb)).join(', ')}`);
	const image = readFileSync(boot);
	writeFileSync(join(folder, 'image'), arch === 'amd64' ? uncompressed(image) : image);
	execFileSync(busybox, ['depmod', '-b', root, release], { stdio: ['ignore', 'ignore', 'inherit'] });
	renameSync(modules, join(folder, 'modules'));
	rmSync(files, { recursive: true });
	writeFileSync(join(folder, 'release'), release);
}

/** Files of modules by name, and names of those that each needs, from modules.dep. */
function dependencies(modules: string): Map<string, { file: string; needs: string[] }> {
	const lines = readFileSync(join(modules, 'modules.dep'), 'utf8').split('\n').filter(Boolean);
	return new Map(
		lines.map((line) => {
			const [file = '', needs = ''] = line.split(':');
			return [moduleName(file), { file, needs: needs.split(' ').filter(Boolean).map(moduleName) }];
		}),
	);
}

function opened(folder: string): Prepared {
	const modules = join(folder, 'modules');
	return {
		release: readFileSync(join(folder, 'release'), 'utf8'),
		image: join(folder, 'image'),
		modules,
		insmodOrder(names) {
			const known = dependencies(modules);
			const builtIn = new Set(readFileSync(join(modules, 'modules.builtin'), 'utf8').split('\n').map(moduleName));
			const order = new Set<string>();
			const add = (name: string): void => {
				const module = known.get(name);
				if (!module && !builtIn.has(name)) throw new Error(`the kernel has no module ${name}`);
				if (!module) return;
				for (const needed of module.needs) add(needed);
				order.add(module.file);
			};
			for (const name of names) add(name);
			return [...order].map((file) => join(modules, file));
		},
	};
}

/**
 * The newest kernel of a series, fetched and unpacked at the first call.
 * @param busybox a static one for this machine
 */
export function prepareKernel(archive: Archive, cache: string, series: Kernel, arch: Arch, busybox: string): Prepared {
	const folder = join(cache, 'kernels', `${series}-${arch}-${LIST}`);
	if (!existsSync(join(folder, 'release'))) {
		archive.prepare();
		const { release, packages } = find(archive, series, arch);
		progress(`fetching kernel ${release}`);
		mkdirSync(join(cache, 'kernels'), { recursive: true });
		const fresh = mkdtempSync(join(cache, 'kernels/.new-'));
		try {
			const debs = archive.download(packages, arch, join(fresh, 'debs'));
			make(debs, release, arch, busybox, fresh);
			rmSync(join(fresh, 'debs'), { recursive: true });
			rmSync(folder, { recursive: true, force: true });
			renameSync(fresh, folder);
		} finally {
			rmSync(fresh, { recursive: true, force: true });
		}
	}
	return opened(folder);
}

/** A static busybox. */
export function prepareBusybox(archive: Archive, cache: string, arch: Arch): string {
	const folder = join(cache, `busybox-${arch}`);
	const paths = ['bin/busybox', 'usr/bin/busybox'].map((path) => join(folder, path));
	if (!paths.some((path) => existsSync(path))) {
		archive.prepare();
		progress(`fetching busybox for ${arch}`);
		const debs = mkdtempSync(join(cache, '.debs-'));
		try {
			for (const deb of archive.download(['busybox-static'], arch, debs)) unpack(deb, folder);
		} finally {
			rmSync(debs, { recursive: true, force: true });
		}
	}
	const path = paths.find((one) => existsSync(one));
	if (path === undefined) throw new Error(`busybox-static has no busybox: ${readdirSync(folder).join(' ')}`);
	return path;
}
