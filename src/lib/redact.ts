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
	'(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:s|[-_]?(?:access[-_]?)?key)?|(?:auth|access|refresh|bearer|id|session|api|bot|csrf)?[-_]?token|api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key|encryption[-_]?key|client[-_]?secret|account[-_]?key|shared[-_]?key|credentials?|authorization|auth|bearer|cookie|sas|signature|dsn|jwt|otp|session[-_]?id)';

/** A whole name: `--db-password`, `PGPASSWORD`, `spring.datasource.password`, `AWS_SECRET_ACCESS_KEY`. */
const NAME = `(?:[\\w.-]*?[._-])?${SECRET}`;

/** `--password`, `-password`, `/password`, alone: the next argument is the value. */
const FLAG = new RegExp(`^(?:--?|/)(?:[\\w.-]*?[._-])?${SECRET}$`, 'i');
/** Names without a separator that end in one: `PGPASSWORD`, `MYSQL_PWD`, `mypassword`. */
const GLUED = '[\\w.-]*(?:password|passwd|passphrase|secret|token|apikey|accountkey|accesskey|sharedkey)';
/** `name=value`, `name: value`, `"name":"value"`, up to the value's end. */
const PAIR = new RegExp(
	`((?:^|[\\s"'?&;,{(=:]|-D|--?|/)(?:${NAME}|${GLUED})["']?\\s*(?:=|:(?!//))\\s*)("(?:[^"\\\\]|\\\\.)*"|'[^']*'|(?:(?:bearer|basic|digest|token)\\s+)?[^\\s"'&;,})]+)`,
	'gi',
);
/** `scheme://token@host`, by its length; a user alone stays. `scheme://user:password@host`. */
const URL_TOKEN = /([a-z][a-z0-9+.-]*:\/\/)(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}(?=@)/gi;
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*:)[^\s/@"']+(?=@)/gi;
/** `Authorization: Bearer …`, also without its name. */
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,}/gi;
/** Tokens that are known by their form: JWT, GitHub, GitLab, Slack, AWS, OpenAI-like, Google, PEM. */
const TOKENS =
	/\b(?:eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{16,}|AIza[\w-]{30,})|-----BEGIN [A-Z ]*PRIVATE KEY-----.*/g;

interface Flags {
	/** The value follows in the same argument, behind this many characters of the match. */
	glued?: RegExp;
	/** The next argument is the value. */
	next?: ReadonlySet<string>;
	/** The next argument is a user with a password: `user:password`, `user%password`, `user,password`. */
	user?: ReadonlySet<string>;
	/** The same behind a flag in one argument: what matches stays. */
	gluedUser?: RegExp;
	/** Words after this one, which are no flags: all but the first are secret. */
	after?: ReadonlySet<string>;
}

const flags = (...names: string[]): ReadonlySet<string> => new Set(names);
const of = (programs: string, how: Flags): Record<string, Flags> =>
	Object.fromEntries(programs.split(' ').map((program) => [program, how]));

/** Programs whose short flags take a password, glued to the flag or as the next argument. */
const SHORT: Readonly<Record<string, Flags>> = {
	...of('mysql mysqldump mysqladmin mysqlimport mysqlcheck mariadb mariadb-dump mariadb-admin', { glued: /^-p(?=.)/ }),
	...of('7z 7za 7zr', { glued: /^-p(?=.)/ }),
	...of('zip unzip mosquitto_pub mosquitto_sub ipmitool', { glued: /^-P(?=.)/, next: flags('-P') }),
	...of('sqlcmd bcp', { glued: /^-P(?=.)/, next: flags('-P') }),
	...of('mongo mongosh mongodump mongorestore mongoexport mongoimport', { next: flags('-p') }),
	...of('cqlsh ncftp rdesktop', { next: flags('-p') }),
	...of('ldapsearch ldapmodify ldapadd ldapdelete ldappasswd', { next: flags('-w', '-s') }),
	...of('snmpget snmpwalk snmpset snmpbulkwalk snmptrap', { next: flags('-c', '-A', '-X') }),
	...of('xfreerdp wlfreerdp freerdp', { glued: /^\/p:/ }),
	...of('curl', {
		user: flags('-u', '--user', '-U', '--proxy-user'),
		gluedUser: /^(?:-u|-U|--user=|--proxy-user=)/,
		next: flags('-b'),
	}),
	...of('etcdctl', { user: flags('--user'), gluedUser: /^--user=/ }),
	...of('smbclient rpcclient', { user: flags('-U'), gluedUser: /^-U/ }),
	...of('lftp', { user: flags('-u') }),
	...of('vault', { after: flags('login') }),
	...of('rabbitmqctl', { after: flags('add_user', 'change_password', 'authenticate_user') }),
	sshpass: { glued: /^-p(?=.)/, next: flags('-p') },
	'redis-cli': { next: flags('-a', '--pass') },
	docker: { next: flags('-p') },
	podman: { next: flags('-p') },
	openssl: { next: flags('-k', '-K') },
	wget: { user: flags('--user') },
};

/** Commands of a program by the value of its first argument, where the flag means something else elsewhere. */
const ONLY_WITH: Readonly<Record<string, string>> = { docker: 'login', podman: 'login' };

/** Flags that name a user: then `-p` is a password in most programs, else a port or a path. */
const USER_FLAGS: ReadonlySet<string> = new Set(['-u', '-U', '--user', '--username', '-user', '-username', '--login']);
/** No password, but a port, a port mapping or a path. */
const NO_PASSWORD = /^(?:\d{1,5}(?::\d+)*(?:\/\w+)?|[./~].*|-.*)$/;

/** Masks what can be seen within one argument or a whole text. */
function within(text: string): string {
	return text
		.replace(URL_PASSWORD, `$1${MASK}`)
		.replace(URL_TOKEN, `$1${MASK}`)
		.replace(PAIR, `$1${MASK}`)
		.replace(BEARER, `$1 ${MASK}`)
		.replace(TOKENS, MASK);
}

/** `user:password` → `user:***`, also with `%` and `,`; a user alone stays. */
function maskUser(value: string): string {
	const [name] = /^[^:%,]*[:%,]/.exec(value) ?? [];
	return name === undefined ? value : `${name}${MASK}`;
}

/** The arguments of a process, the program first, with secrets masked. Their number stays. */
export function redactArguments(args: readonly string[]): string[] {
	let short: Flags = {};
	let next: 'value' | 'user' | null = null;
	/** Words since the one after which they are secret. */
	let words = -1;
	const withUser = args.some((argument) => USER_FLAGS.has(argument));
	return args.map((argument, index) => {
		const expected = next;
		next = null;
		if (expected === 'user') return maskUser(argument);
		// a flag that is followed by another one takes no value
		if (expected === 'value' && !argument.startsWith('--')) return argument === '' ? argument : MASK;
		if (words >= 0 && !argument.startsWith('-') && (words++ > 0 || short.after?.has('login'))) return MASK;
		if (index > 0) {
			if (FLAG.test(argument) || short.next?.has(argument)) next = 'value';
			else if (short.user?.has(argument)) next = 'user';
			else if (short.after?.has(argument)) words = 0;
			else if (short.glued?.test(argument))
				return `${argument.slice(0, short.glued.exec(argument)?.[0].length ?? 2)}${MASK}`;
			else if (withUser && argument === '-p' && !NO_PASSWORD.test(args[index + 1] ?? '-')) next = 'value';
			const [flag] = short.gluedUser?.exec(argument) ?? [];
			if (flag !== undefined && flag !== argument && next === null)
				return `${flag}${maskUser(argument.slice(flag.length))}`;
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
