/**
 * Masks secrets in command lines before they leave the program: on screens that others watch, in bundles, exports and copies.
 * A value is masked after flags, variables and keys whose names say that it is secret, in URLs with a password, and where
 * its form is that of a token. What is not named so cannot be known as a secret.
 */
import type { SafeText } from './sanitize.ts';

/** Stands for a masked value, whatever its length. */
export const MASK = '***';

/** Parts of names whose values are secret. */
const SECRET =
	'(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:s|[-_]?(?:access[-_]?)?key)?|(?:auth|access|refresh|bearer|id|session|api|bot|csrf)?[-_]?token|api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key|encryption[-_]?key|client[-_]?secret|credentials?|authorization|auth|cookie|sas|signature|dsn)';

/** A whole name: `--db-password`, `PGPASSWORD`, `spring.datasource.password`, `AWS_SECRET_ACCESS_KEY`. */
const NAME = `(?:[\\w.-]*?[._-])?${SECRET}`;

/** `--password`, `-password`, `/password`, alone: the next argument is the value. */
const FLAG = new RegExp(`^(?:--?|/)(?:[\\w.-]*?[._-])?${SECRET}$`, 'i');
/** Names without a separator that end in one: `PGPASSWORD`, `MYSQL_PWD`, `mypassword`. */
const GLUED = '\\w*(?:password|passwd|passphrase|secret|token|apikey)';
/** `name=value`, `name: value`, `"name":"value"`, up to the value's end. */
const PAIR = new RegExp(
	`((?:^|[\\s"'?&;,{(]|-D|--?|/)(?:${NAME}|${GLUED})["']?\\s*(?:=|:(?!//))\\s*)("(?:[^"\\\\]|\\\\.)*"|'[^']*'|(?:(?:bearer|basic|digest|token)\\s+)?[^\\s"'&;,})]+)`,
	'gi',
);
/** `scheme://user:password@host`; a user alone stays. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*:)[^\s/@"']+(?=@)/gi;
/** `Authorization: Bearer …`, also without its name. */
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,}/gi;
/** Tokens that are known by their form: JWT, GitHub, GitLab, Slack, AWS, OpenAI-like, Google, PEM. */
const TOKENS =
	/\b(?:eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{16,}|AIza[\w-]{30,})|-----BEGIN [A-Z ]*PRIVATE KEY-----.*/g;

/** Programs whose short flags take a password, glued to the flag or as the next argument. */
const SHORT: Readonly<Record<string, { glued?: RegExp; next?: ReadonlySet<string>; user?: ReadonlySet<string> }>> = {
	mysql: { glued: /^-p(?=.)/ },
	mysqldump: { glued: /^-p(?=.)/ },
	mysqladmin: { glued: /^-p(?=.)/ },
	mariadb: { glued: /^-p(?=.)/ },
	'mariadb-dump': { glued: /^-p(?=.)/ },
	sshpass: { glued: /^-p(?=.)/, next: new Set(['-p']) },
	'redis-cli': { next: new Set(['-a', '--pass']) },
	mongo: { next: new Set(['-p']) },
	mongosh: { next: new Set(['-p']) },
	mongodump: { next: new Set(['-p']) },
	ldapsearch: { next: new Set(['-w']) },
	ldapmodify: { next: new Set(['-w']) },
	sqlcmd: { glued: /^-P(?=.)/, next: new Set(['-P']) },
	docker: { next: new Set(['-p']) },
	smbclient: { user: new Set(['-U']) },
	curl: { user: new Set(['-u', '--user', '-U', '--proxy-user']) },
	wget: { user: new Set(['--user']) },
};

/** Commands of a program by the value of its first argument, where the flag means something else elsewhere. */
const ONLY_WITH: Readonly<Record<string, string>> = { docker: 'login' };

/** Masks what can be seen within one argument or a whole text. */
function within(text: string): string {
	return text
		.replace(URL_PASSWORD, `$1${MASK}`)
		.replace(PAIR, `$1${MASK}`)
		.replace(BEARER, `$1 ${MASK}`)
		.replace(TOKENS, MASK);
}

/** `user:password` → `user:***`; a user alone stays. */
function maskUser(value: string): string {
	const colon = value.indexOf(':');
	return colon < 0 ? value : `${value.slice(0, colon + 1)}${MASK}`;
}

/** The arguments of a process, the program first, with secrets masked. Their number stays. */
export function redactArguments(args: readonly string[]): string[] {
	let short: (typeof SHORT)[string] = {};
	let next: 'value' | 'user' | null = null;
	return args.map((argument, index) => {
		const expected = next;
		next = null;
		if (expected === 'user') return maskUser(argument);
		// a flag that is followed by another one takes no value
		if (expected === 'value' && !argument.startsWith('--')) return argument === '' ? argument : MASK;
		if (index > 0) {
			if (FLAG.test(argument) || short.next?.has(argument)) next = 'value';
			else if (short.user?.has(argument)) next = 'user';
			else if (short.glued?.test(argument)) return `${argument.slice(0, 2)}${MASK}`;
		}
		if (next !== null) return argument;
		// also behind sudo, env, timeout
		const program = argument.replace(/^.*\//, '');
		if (Object.hasOwn(SHORT, program)) {
			const only = ONLY_WITH[program];
			short = only === undefined || args.includes(only) ? (SHORT[program] ?? {}) : {};
		}
		// a script for a shell
		return within(
			argument.includes(' ')
				? redactArguments(['', ...argument.split(' ')])
						.slice(1)
						.join(' ')
				: argument,
		);
	});
}

/**
 * A command line as one text with secrets masked: for texts whose arguments are no longer known apart. Where they are, use
 * {@link redactArguments}: a value with blanks is masked to its first blank here.
 */
export function redact(command: SafeText): SafeText {
	return within(redactArguments(command.split(' ')).join(' ')) as SafeText;
}
