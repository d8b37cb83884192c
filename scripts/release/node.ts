/** Node of the pinned version for each architecture, from the npm packages that the lock file names. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../exec.ts';
import { finish } from './debian.ts';
import { step } from './step.ts';
import type { Arch } from './targets.ts';

interface LockFile {
	packages: Record<string, { version: string; integrity?: string }>;
}

export interface NodePackage {
	/** With bin/node, include/node and LICENSE. */
	folder: string;
	version: string;
}

/** The package's folder: the installed one, or one fetched into `cache`, whose integrity is compared. */
export function nodePackage(arch: Arch, root: string, cache: string): NodePackage {
	const name = `node-linux-${arch}`;
	const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
	const entry = lock.packages[`node_modules/${name}`];
	if (!entry?.integrity) throw new Error(`package-lock.json has no integrity of ${name}`);
	const { version, integrity } = entry;
	const installed = join(root, 'node_modules', name);
	if (existsSync(join(installed, 'bin/node'))) return { folder: installed, version };
	const folder = join(cache, 'npm', `${name}-${version}`);
	if (!existsSync(folder)) {
		step(`fetching ${name} ${version}`);
		mkdirSync(join(cache, 'npm'), { recursive: true });
		const file = run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: join(cache, 'npm') }).trim();
		const path = join(cache, 'npm', file);
		const sum = `sha512-${createHash('sha512').update(readFileSync(path)).digest('base64')}`;
		if (sum !== integrity) throw new Error(`${file}: integrity is ${sum}, the lock file has ${integrity}`);
		const temporary = `${folder}.new`;
		rmSync(temporary, { recursive: true, force: true });
		mkdirSync(temporary);
		run('tar', ['-xzf', path, '-C', temporary, '--strip-components=1', '--no-same-owner']);
		rmSync(path);
		finish(temporary, folder);
	}
	return { folder, version };
}
