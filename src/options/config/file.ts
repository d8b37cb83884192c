/**
 * The configuration file: where it is, and what it says, each value with its place. What values mean is decided by the
 * tables of options. Nothing is ever written to it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemReason, UsageError } from '../../core/errors.ts';
import { baseFolder } from '../../lib/home.ts';
import { readNamed } from '../../lib/named-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A value and where it was read, for messages: `config.toml:3`. */
export interface Located {
	value: unknown;
	where: string;
}

export interface ConfigFile {
	/** Keys outside of tables. */
	top: ReadonlyMap<string, Located>;
	/** Tables by name, in the file's order. */
	tables: ReadonlyMap<string, { where: string; values: ReadonlyMap<string, Located> }>;
}

/** `$XDG_CONFIG_HOME/wattlag/config.toml`; undefined: the user has no home folder either. */
function defaultPath(env: Env): string | undefined {
	const base = baseFolder(env, 'XDG_CONFIG_HOME', '.config');
	return base === undefined ? undefined : join(base, 'wattlag', 'config.toml');
}

/** Larger is not a configuration. */
const MAX_BYTES = 2 ** 20;

/** null: there is none, which is fine unless the user named one. */
function read(path: string, named: boolean): string | null {
	try {
		const bytes = readNamed(path, MAX_BYTES);
		if (bytes.length > MAX_BYTES) throw new UsageError(`${path}: larger than 1 MiB, which no configuration is`);
		return bytes.toString('utf8');
	} catch (error) {
		if (error instanceof UsageError) throw error;
		const { code } = error as NodeJS.ErrnoException;
		// as another user, the home may be one that cannot be read
		if (!named && (code === 'ENOENT' || code === 'ENOTDIR' || !existsSync(path))) return null;
		throw new UsageError(`${path}: cannot be read (${systemReason(error)}); give another one with --config FILE`);
	}
}

function isTable(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Number of the line on which a key stands, of a table or of the top; that of the table where the key is not found. */
function lineOf(text: string, table: string | null, key: string | null): number {
	let current: string | null = null;
	let found = 1;
	for (const [index, line] of text.split('\n').entries()) {
		// a table in this one: `[events.reasons."drop:NO_SOCKET"]`
		if (table !== null && key !== null && line.trim().startsWith(`[${table}.${key}`)) return index + 1;
		const header = /^\s*\[\s*["']?([^\]"']+?)["']?\s*\]/.exec(line);
		if (header) {
			current = header[1] as string;
			if (current === table) found = index + 1;
		}
		const name = /^\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]/.exec(line)?.[1];
		if (name === undefined || header) continue;
		if ((current === table && name === key) || (current === null && table !== null && name === table)) return index + 1;
	}
	return found;
}

function locate(text: string, path: string, root: Record<string, unknown>): ConfigFile {
	const top = new Map<string, Located>();
	const tables = new Map<string, { where: string; values: Map<string, Located> }>();
	const where = (table: string | null, key: string | null) => `${path}:${lineOf(text, table, key)}`;
	for (const [name, value] of Object.entries(root)) {
		if (isTable(value)) {
			const entries = Object.entries(value).map(
				([key, one]) => [key, { value: one, where: where(name, key) }] as const,
			);
			tables.set(name, { where: where(name, null), values: new Map(entries) });
		} else {
			top.set(name, { value, where: where(null, name) });
		}
	}
	return { top, tables };
}

/**
 * Read the file that `--config` or `WATTLAG_CONFIG` names, else the default one. null: there is none. Throws
 * {@link UsageError} with file and line.
 */
export async function loadConfig(named: string | undefined, env: Env): Promise<ConfigFile | null> {
	const chosen = named ?? (env['WATTLAG_CONFIG'] || undefined);
	const path = chosen ?? defaultPath(env);
	if (path === undefined) return null;
	const text = read(path, chosen !== undefined);
	if (text === null) return null;
	// the parser is loaded only where there is a file
	const { parse, TomlError } = await import('smol-toml');
	try {
		return locate(text, path, parse(text) as Record<string, unknown>);
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		const reason = (error.message.split('\n')[0] as string).replace(/^Invalid TOML document: /, '');
		throw new UsageError(`${path}:${error.line}: column ${error.column}: ${reason}`);
	}
}
