/** Absolute paths of files, from names up to the root of the file system and its device number. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { file_path } from '../../generated/io.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { splitDev } from '../../system/block-devices.ts';

/** mountinfo escapes blanks and some other characters as `\040`. */
function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

interface Mount {
	/** Directory of the file system that is mounted. */
	root: string;
	point: string;
}

export class FilePaths {
	private readonly procRoot: string;
	private mounts = new Map<string, Mount>();
	private mountsRead = false;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** Begins an interval: allows one more read of the mounts. */
	tick(): void {
		this.mountsRead = false;
	}

	/** `/…/` stands for directories above the recorded ones, `inode N` for a file without a name; null: no file. */
	path({ id, depth, whole, names }: file_path): SafeText | null {
		if (id.dev === 0) return null;
		if (depth === 0) return safe`inode ${id.inode}`;
		const text = names
			.slice(0, depth)
			.reverse()
			.map((name) => sanitize(name.text))
			.join('/');
		if (whole === 0) return sanitize(`/…/${text}`);
		const { major, minor } = splitDev(id.dev);
		const mount = this.mountOf(`${major}:${minor}`);
		if (!mount) return sanitize(`/${text}`);
		const inside = mount.root === '/' ? `/${text}` : `/${text}`.replace(mount.root, '');
		return sanitize(`${mount.point === '/' ? '' : mount.point}${inside}`);
	}

	/** The mount with the highest root within the file system. */
	private mountOf(dev: string): Mount | undefined {
		if (!this.mounts.has(dev) && !this.mountsRead) this.readMounts();
		return this.mounts.get(dev);
	}

	private readMounts(): void {
		this.mountsRead = true;
		this.mounts = new Map();
		try {
			for (const line of readFileSync(join(this.procRoot, 'self/mountinfo'), 'utf8').split('\n')) {
				const [, , dev, root, point] = line.split(' ');
				if (dev === undefined || root === undefined || point === undefined) continue;
				const mount = { root: unescapeOctal(root), point: unescapeOctal(point) };
				const known = this.mounts.get(dev);
				if (!known || mount.root.length < known.root.length) this.mounts.set(dev, mount);
			}
		} catch {
			// without mounts, paths begin at the root of their file system
		}
	}
}
