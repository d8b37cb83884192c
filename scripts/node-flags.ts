/** Flags and environment that launchers run Node with, from the table of all of them: scripts/node-flags.sh. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface NodeFlags {
	/** By kind of run. */
	screen: string[];
	batch: string[];
	/** `NAME=VALUE`. */
	malloc: string[];
	/** Beginnings of the names of variables that are not passed on to Node. */
	loading: string[];
}

/** @param folder with the table */
export function nodeFlags(folder = dirname(fileURLToPath(import.meta.url))): NodeFlags {
	const text = readFileSync(join(folder, 'node-flags.sh'), 'utf8');
	const words = (name: string): string[] => {
		const value = new RegExp(`^${name}='(.*)'$`, 'm').exec(text)?.[1];
		if (value === undefined) throw new Error(`node-flags.sh has no ${name}`);
		return value.split(' ');
	};
	const both = words('any_flags');
	return {
		screen: [...words('screen_flags'), ...both],
		batch: [...words('batch_flags'), ...both],
		malloc: words('malloc_settings'),
		loading: words('loading'),
	};
}
