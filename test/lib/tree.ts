/** Trees of files in a temporary folder, in place of /proc, sysfs and the like. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, onTestFinished } from 'vitest';

export interface FileTree {
	readonly root: string;
	/** The absolute path of one below the root. */
	path(path: string): string;
	/** Make a folder, with those above it. */
	folder(path: string): void;
	/** Write a file; missing folders are made. */
	set(path: string, content: string | Uint8Array): void;
	/** Make a symbolic link; missing folders are made. */
	link(path: string, target: string): void;
	/** Remove it if it is there, a folder with its contents. */
	remove(path: string): void;
}

class Tree implements FileTree {
	private made: string | null = null;

	get root(): string {
		if (this.made === null) throw new Error('the tree exists only while a test runs');
		return this.made;
	}

	create(): this {
		this.made = mkdtempSync(join(tmpdir(), 'wattlag-tree-'));
		return this;
	}

	delete(): void {
		rmSync(this.root, { recursive: true, force: true });
		this.made = null;
	}

	path(path: string): string {
		return join(this.root, path);
	}

	folder(path: string): void {
		mkdirSync(this.path(path), { recursive: true });
	}

	set(path: string, content: string | Uint8Array): void {
		this.folder(dirname(path));
		writeFileSync(this.path(path), content);
	}

	link(path: string, target: string): void {
		this.folder(dirname(path));
		symlinkSync(target, this.path(path));
	}

	remove(path: string): void {
		rmSync(this.path(path), { recursive: true, force: true });
	}
}

/** An empty tree, removed when the test ends. To be called in a test. */
export function makeTree(): FileTree {
	const tree = new Tree().create();
	onTestFinished(() => tree.delete());
	return tree;
}

/** An empty tree for each test of the file or of the `describe` that it is called in. */
export function treePerTest(): FileTree {
	const tree = new Tree();
	beforeEach(() => void tree.create());
	afterEach(() => tree.delete());
	return tree;
}

/** One tree for all tests of the file. */
export function treePerFile(): FileTree {
	const tree = new Tree();
	beforeAll(() => void tree.create());
	afterAll(() => tree.delete());
	return tree;
}
