/** Mounts of the own mount namespace, from /proc/self/mountinfo. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mount {
	id: number;
	/** Id of the mount on which it is mounted. */
	parent: number;
	/** Of the file system (s_dev), `major:minor`; stat(2) shows others on btrfs and overlayfs. */
	dev: string;
	/** Directory of the file system that is mounted. */
	root: string;
	point: string;
	type: string;
	/** Of the file system, `upperdir=…`. */
	options: readonly string[];
}

/** mountinfo escapes blanks and some other characters as `\040`. */
function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** In the order of mounting; empty without proc. */
export function readMounts(procRoot: string): Mount[] {
	try {
		return readFileSync(join(procRoot, 'self/mountinfo'), 'utf8').split('\n').flatMap(parse);
	} catch {
		return [];
	}
}

function parse(line: string): Mount[] {
	const [id, parent, dev, root, point, ...rest] = line.split(' ');
	if (dev === undefined || root === undefined || point === undefined) return [];
	const [type = '', , options = ''] = rest.slice(rest.indexOf('-') + 1);
	return [
		{
			id: Number(id),
			parent: Number(parent),
			dev,
			root: unescapeOctal(root),
			point: unescapeOctal(point),
			type,
			options: options.split(',').map(unescapeOctal),
		},
	];
}

/** The path below a directory, with its slash; empty: the directory itself; undefined: it is not below. */
export function below(path: string, directory: string): string | undefined {
	if (directory === '/') return path;
	if (path === directory) return '';
	return path.startsWith(`${directory}/`) ? path.slice(directory.length) : undefined;
}
