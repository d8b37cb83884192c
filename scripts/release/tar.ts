/** Archives whose bytes depend on their contents only: ustar, owned by root, all entries of one time. */

export interface Entry {
	/** Relative, without `./`. */
	path: string;
	/** Permissions. */
	mode: number;
	/** Missing: a folder. */
	contents?: Buffer;
	/** Target of a symbolic link, in place of contents. */
	link?: string;
}

const BLOCK = 512;

/** Of ustar: the part before some slash has a field of its own. */
function splitPath(path: string): { name: string; prefix: string } {
	if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
	for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
		const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
		if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { name, prefix };
	}
	throw new Error(`too long for a tar archive: ${path}`);
}

function header(entry: Entry, seconds: number): Buffer {
	const block = Buffer.alloc(BLOCK);
	const octal = (value: number, at: number, size: number): void => {
		block.write(`${value.toString(8).padStart(size - 1, '0')}\0`, at, 'latin1');
	};
	const isFolder = entry.contents === undefined && entry.link === undefined;
	const { name, prefix } = splitPath(isFolder ? `${entry.path}/` : entry.path);
	block.write(name, 0);
	octal(entry.mode, 100, 8);
	octal(0, 108, 8);
	octal(0, 116, 8);
	octal(entry.contents?.length ?? 0, 124, 12);
	octal(seconds, 136, 12);
	block.write('        ', 148, 'latin1');
	block.write(isFolder ? '5' : entry.link === undefined ? '0' : '2', 156, 'latin1');
	block.write(entry.link ?? '', 157);
	block.write('ustar\x0000', 257, 'latin1');
	block.write('root', 265, 'latin1');
	block.write('root', 297, 'latin1');
	octal(0, 329, 8);
	octal(0, 337, 8);
	block.write(prefix, 345);
	const sum = block.reduce((total, byte) => total + byte, 0);
	block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
	return block;
}

/** Entries with all folders above them, in the order of their paths. */
export function withFolders(entries: readonly Entry[]): Entry[] {
	const all = new Map(entries.map((entry) => [entry.path, entry]));
	for (const { path } of entries) {
		for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
			const folder = path.slice(0, slash);
			if (!all.has(folder)) all.set(folder, { path: folder, mode: 0o755 });
		}
	}
	return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `seconds`: time of all entries since 1970. */
export function tar(entries: readonly Entry[], seconds: number): Buffer {
	const parts: Buffer[] = [];
	for (const entry of withFolders(entries)) {
		parts.push(header(entry, seconds));
		if (entry.contents) parts.push(entry.contents, Buffer.alloc((BLOCK - (entry.contents.length % BLOCK)) % BLOCK));
	}
	parts.push(Buffer.alloc(2 * BLOCK));
	return Buffer.concat(parts);
}
