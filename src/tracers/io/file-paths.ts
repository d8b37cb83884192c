/** Absolute paths of files, from what the kernel tells: names up to the root of the file system, and its device number. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { file_path } from '../../generated/io.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { splitDev } from '../../system/block-devices.ts';

/** mountinfo writes blanks and the like as `\040`. */
function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

interface Mount {
	/** Folder of the file system that is mounted. */
	root: string;
	point: string;
}

export class FilePaths {
	private readonly procRoot: string;
	private mounts = new Map<string, Mount>();
	private looked = false;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** Allow one more look at the mounts: call once per interval. */
	tick(): void {
		this.looked = false;
	}

	/** `/…/` stands for folders beyond those that the kernel told, `inode N` for a file without name; null: no file. */
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

	/** The mount that shows most of the file system. */
	private mountOf(dev: string): Mount | undefined {
		if (!this.mounts.has(dev) && !this.looked) this.look();
		return this.mounts.get(dev);
	}

	private look(): void {
		this.looked = true;
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
