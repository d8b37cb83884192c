/** The user's home folder. Reading the account fails for a number without an entry in the passwd database. */
import { userInfo } from 'node:os';

type Env = Readonly<Record<string, string | undefined>>;

function fromPasswd(): string {
	try {
		return userInfo().homedir;
	} catch {
		// containers and services often run as a number without an account
		return '';
	}
}

/**
 * `$HOME`, else that of the account; undefined: there is none. An empty or relative one does not count, since it would lead
 * into the current folder.
 */
export function homeFolder(env: Env, ofAccount: () => string = fromPasswd): string | undefined {
	return [env['HOME'] ?? '', ofAccount]
		.map((one) => (typeof one === 'string' ? one : one()))
		.find((one) => one.startsWith('/'));
}

/** A folder of the XDG base directories: `variable` where it is absolute, else `fallback` in the home folder; undefined: neither. */
export function baseFolder(env: Env, variable: string, fallback: string): string | undefined {
	const chosen = env[variable];
	// a relative path there means nothing, says the specification
	if (chosen?.startsWith('/')) return chosen;
	const home = homeFolder(env);
	return home === undefined ? undefined : `${home.replace(/\/+$/, '')}/${fallback}`;
}
