/** The `[keys]` table: commands and the keys that call them. */

import { UsageError } from '../../core/errors.ts';
import { defaultBindings, type KeyOverrides } from '../keymap.ts';
import type { Located } from './file.ts';

/** As `term/keys.ts` names them. */
const named =
	/^(?:(?:Ctrl-|Alt-|Shift-)*(?:Up|Down|Left|Right|Home|End|PgUp|PgDn|Insert|Delete|F(?:[1-9]|1[0-2]))|Enter|Esc|Tab|Shift-Tab|Space|Ctrl-Space|Backspace|Ctrl-[A-Z\\\]^_]|Alt-.)$/u;

export function isKey(key: string): boolean {
	return Array.from(key).length === 1 ? /[^\s\p{Cc}]/u.test(key) : named.test(key);
}

/** Throws {@link UsageError} with file and line. */
export function keyOverrides(values: ReadonlyMap<string, Located>): KeyOverrides {
	const overrides: Record<string, readonly string[]> = {};
	const owners = new Map<string, string>();
	for (const [command, { value, where }] of values) {
		if (!defaultBindings.some((binding) => binding.command === command)) {
			const names = defaultBindings.map((binding) => binding.command).join(', ');
			throw new UsageError(`${where}: no command '${command}'; there are ${names}`);
		}
		const keys: unknown[] = Array.isArray(value) ? value : [value];
		for (const key of keys) {
			if (typeof key !== 'string' || !isKey(key)) {
				throw new UsageError(
					`${where}: ${JSON.stringify(key)} is no key; a character, or a name as F4, Ctrl-X, Space, PgUp`,
				);
			}
			const owner = owners.get(key);
			if (owner !== undefined)
				throw new UsageError(`${where}: key ${key} is given to both ${owner} and ${command}; keep one`);
			owners.set(key, command);
		}
		overrides[command] = keys as string[];
	}
	return overrides;
}
