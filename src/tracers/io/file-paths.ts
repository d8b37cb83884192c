/** Absolute paths of files, from names up to the root of the file system and its device number. */
import type { file_path } from '../../generated/io.ts';
import type { ForeignBytes } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { splitDev } from '../../system/block-devices.ts';
import { below, type Mount, readMounts } from './mounts.ts';

/** Before a path that begins at the root of its file system, since no mount seen from here shows it. */
export const OUTSIDE = '(outside)';

export class FilePaths {
	private readonly procRoot: string;
	private mounts: readonly Mount[] = [];
	private mountsRead = false;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** Begins an interval: mounts are read again when a path is first asked for. */
	tick(): void {
		this.mountsRead = false;
	}

	/**
	 * `/…/` stands for directories above the recorded ones, `…` at the end of a name for the rest of it, `inode N` for a
	 * file without a name, `(outside) /…` for a path that no mount seen from here shows; null: no file.
	 */
	path({ id, depth, whole, cut, names }: file_path): SafeText | null {
		if (id.dev === 0) return null;
		if (depth === 0) return safe`inode ${id.inode}`;
		const text = names
			.slice(0, depth)
			.map((name, index) => ((cut >>> index) & 1 ? `${sanitize(wholeCharacters(name.text))}…` : sanitize(name.text)))
			.reverse()
			.join('/');
		if (whole === 0) return sanitize(`/…/${text}`);
		const { major, minor } = splitDev(id.dev);
		return sanitize(this.mounted(`${major}:${minor}`, `/${text}`) ?? `${OUTSIDE} /${text}`);
	}

	/** The path by the mount that shows most of the file system; undefined: none shows the file. */
	private mounted(dev: string, path: string): string | undefined {
		if (!this.mountsRead) this.mounts = readMounts(this.procRoot);
		this.mountsRead = true;
		return this.mounts
			.map((mount, index) => ({ mount, index }))
			.filter(({ mount }) => mount.dev === dev)
			.sort((a, b) => a.mount.root.length - b.mount.root.length || b.index - a.index)
			.flatMap(({ mount, index }) => {
				const inside = below(path, mount.root);
				if (inside === undefined) return [];
				const whole = `${mount.point === '/' ? '' : mount.point}${inside}`;
				return this.isHidden(whole, mount, index) ? [] : [whole];
			})[0];
	}

	/** Has a later mount taken its place, or that of a directory above? A mount below which it lies has not. */
	private isHidden(path: string, mount: Mount, index: number): boolean {
		const above = new Set<number>();
		for (let id = mount.parent; !above.has(id); ) {
			above.add(id);
			id = this.mounts.find((one) => one.id === id)?.parent ?? id;
		}
		return this.mounts.some(
			(other, at) => at > index && !above.has(other.id) && below(path, other.point) !== undefined,
		);
	}
}

/** Without the first bytes of a character whose other bytes were cut off. */
function wholeCharacters(text: ForeignBytes): ForeignBytes {
	const bytes = text as Uint8Array;
	const end = bytes.indexOf(0);
	let length = end < 0 ? bytes.length : end;
	let start = length;
	while (start > 0 && start > length - 4 && ((bytes[start - 1] ?? 0) & 0xc0) === 0x80) start--;
	const lead = bytes[start - 1] ?? 0;
	const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (size > 1 && length - (start - 1) < size) length = start - 1;
	return bytes.subarray(0, length) as ForeignBytes;
}
