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
	'(?:pass(?:[-_]?(?:word|wd|phrase|code|wort))?s?|kennwort|senha|contrase[nñ]a|mot[-_]?de[-_]?passe|pwd|pw|psk|secret(?:s|[-_]?(?:access[-_]?)?key|[-_]?id)?|(?:auth|access|refresh|bearer|id|session|api|bot|csrf|security)?[-_]?token|(?:auth|access|refresh|api|bot)[-_]?tokens|(?:api|auth|access|private|encryption|account|shared|master|license|signing|service)[-_]?keys?(?:[-_]?id)?|client[-_]?secret|credentials?|authorization|(?:master[-_]?)?auth|bearer|cookie|sas|signature|dsn|jwt|otp|session[-_]?id)(?:[-_.]?(?:\\d{1,3}|base(?:64)?|b64|hash|enc|old|new|plain|value))?';

/** A whole name, of a length that keeps the search short: `--db-password`, `PGPASSWORD`, `spring.datasource.password`, `AWS_SECRET_ACCESS_KEY`. */
const NAME = `(?:[\\w.-]{0,60}?[._-])?${SECRET}`;
/** Names without a separator that end in one: `PGPASSWORD`, `dbpassword`, `storepass`. */
const GLUED =
	'[\\w.-]{0,60}(?:passwords?|passwd|passphrase|secret|token|apikey|accountkey|accesskey|sharedkey|authkey|(?<!by|com|sur|tres|over|under)pass)';

/** `--password`, `-password`, `/password`, alone: the next argument is the value. Those that ask or refuse have none. */
const FLAG = new RegExp(`^(?:--?(?!-)|/)(?!(?:no|ask|without|skip|prompt)[-_])(?:${NAME}|${GLUED})$`, 'i');
/** The same names as words of their own: `config set aws_secret_access_key VALUE`. */
const WORD = new RegExp(`^(?:[\\w./:-]{0,200}[._:-])?_?(?:${NAME}|${GLUED})$`, 'i');
/** Words before such a name; `-gx` and the like of fish. */
const SETTERS: ReadonlySet<string> = new Set(['set', 'config', 'put', 'add', 'setenv', '-x', '-gx', '-Ux']);

/** Arguments in a line of the audit system: `a0="mysql" a1="-p…"`; a title in hexadecimal digits cannot be masked in part. */
const AUDIT_ARGUMENT = /\ba\d+=("[^"]*"|[0-9A-F]{4,})/g;
const AUDIT_TITLE = /\bproctitle=(?:[0-9A-F]+|"[^"]*")/g;

/** A quoted text, its quotes possibly escaped once more: JSON within a script. */
const QUOTED = String.raw`\\+"(?:(?!\\+").)*\\+"|"(?:[^"\\]|\\.)*"|'[^']*'`;
/** Words before the value of the header `Authorization`. */
const SCHEME = '(?:bearer|basic|digest|token|apikey|key|negotiate|ntlm|hawk|oauth)';
/** `name=value`, `name: value`, `"name":"value"`, `"names":["value"]`, `x['name'] = 'value'`, up to the value's end. A scheme alone is none. */
const PAIR = new RegExp(
	String.raw`((?:^|[\s"'?&;,{(=:\[$]|-D|--?|/)_?(?:${NAME}|${GLUED})\\*["']?\]?\s*(?:=|:(?!//))\s*)(?!${SCHEME}\s*$)(\[[^\]]*\]|${QUOTED}|(?:${SCHEME}\s+)?(?:[^\s"'&;,})\\]|\\(?!["']))+)`,
	'gi',
);
/** `--password=…` to the end of the argument, whatever is in it. */
const WHOLE = new RegExp(`^((?:-D|--?)(?:${NAME}|${GLUED})=).+$`, 'is');
/** A header whose whole value is secret, also in parts: `Cookie: a=1; b=2`. */
const HEADER = /^((?:-H|--header=)?\s*(?:(?:proxy-)?authorization|(?:set-)?cookie2?)\s*:\s*)(?=\S)[^\r\n]+/i;
/** `PASSWORD '…'`, `IDENTIFIED BY '…'` of SQL. */
const SQL = new RegExp(
	String.raw`\b((?:password|identified\s+(?:with\s+\S{1,60}\s+)?(?:by|as))(?:\s+|\s*\(\s*))(?:${QUOTED})`,
	'gi',
);
/** `jdbc:oracle:thin:user/password@`. */
const ORACLE = /(jdbc:oracle:\w{1,20}:[^\s/:@]{1,200}\/)[^\s@]+(?=@)/gi;
/** `{"name":"DB_PASSWORD","value":"…"}`, as in descriptions of containers. */
const NAMED = new RegExp(
	String.raw`("name"\s*:\s*"(?:${NAME}|${GLUED})"\s*,\s*"value"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[^\s"'&;,}\\]+)`,
	'gi',
);
/** `<password>…</password>`. */
const ELEMENT = new RegExp(`(<(?:[\\w.-]+:)?(?:${NAME}|${GLUED})(?:\\s[^<>]*)?>)[^<]+(?=</)`, 'gi');
/** `?key=…`: a word that means nothing elsewhere. */
const QUERY = /([?&](?:key|code|hmac|hash|sig)=)[^\s"'&#]+/gi;
/** `scheme://token@host`, by its length; a user alone stays. `scheme://user:password@host`: a port is followed by a path. */
const URL_TOKEN = /([a-z][a-z0-9+.-]{0,30}:\/\/)(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}(?=@)/gi;
const URL_PASSWORD = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@"']*:)(?!\d{1,5}(?:[/?#]|$))[^\s"']+(?=@)/gi;
/** The same in an argument that is nothing else, so that its password may have blanks. */
const WHOLE_URL = /^([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@"']*:)(?!\d{1,5}(?:[/?#]|$))[^"']+(?=@)/i;
/** `Authorization: Bearer …`, also without its name. */
const BEARER = /\b(bearer|basic)(\s+|%20)[A-Za-z0-9+/._~=-]{8,}/gi;
/** `pass:…` of OpenSSL. */
const PASS = /^pass:(?=.)/;
/** A text that is given to a program which reads a secret, quoted or in several words: `echo … | docker login --password-stdin`. */
const GIVEN = new RegExp(
	String.raw`\b((?:echo|printf)\s+)(?:(?:-\w+\s+)*(?:${QUOTED}|[^\s|]+)|[^|;\n]{1,500}?)(?=\s*\|[^|;]*(?:--?pass(?:word|wd)?-stdin|--with-token|\bsudo\s+-\w*S|\bchpasswd|\bpasswd\b|\bcryptsetup))`,
	'g',
);
/** The same as a here-string. */
const HERE = new RegExp(
	String.raw`((?:--?pass(?:word|wd)?-stdin|--with-token)[^|;<\n]{0,200}<<<\s*)(?:${QUOTED}|\S+)`,
	'g',
);
/** Tokens that are known by their form: JWT, GitHub, GitLab, Slack, AWS, OpenAI-like, Stripe, Google, SendGrid, npm, PyPI, Hugging Face, DigitalOcean, Telegram, Discord. */
const TOKENS =
	/\b(?:eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{16,}|(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{40,}|bot\d{6,}:[\w-]{30,})|(?<=hooks\.slack\.com\/services\/)[\w/]+|(?<=discord(?:app)?\.com\/api\/webhooks\/)\d+\/[\w-]+/g;
/** A private key, over lines: without an end to the end of the text. */
const PEM = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;

interface Flags {
	/** The value follows in the same argument, behind this. */
	glued?: RegExp;
	/** The next argument is the value. */
	next?: ReadonlySet<string>;
	/** The next argument is a user with a password: `user:password`, `user%password`, `user,password`. */
	user?: ReadonlySet<string>;
	/** The same behind a flag in one argument: what matches stays. */
	gluedUser?: RegExp;
	/** Flags in one argument, the last of which is one of `user`: `-su`. */
	lastUser?: RegExp;
	/** So many words that are no flags are no secret; those behind them are. */
	spared?: number;
	/** A word `user/password@host`. */
	slash?: true;
	/** After this word, words that are no flags are secret but for so many. */
	after?: Readonly<Record<string, number>>;
	/** `-p` is no password. */
	plain?: true;
}

const flags = (...names: string[]): ReadonlySet<string> => new Set(names);
const of = (programs: string, how: Flags): Record<string, Flags> =>
	Object.fromEntries(programs.split(' ').map((program) => [program, how]));

/** Programs whose short flags take a password, glued to the flag or as the next argument. */
const SHORT: Readonly<Record<string, Flags>> = {
	...of('mysql mysqldump mysqlimport mysqlcheck mysqlslap mariadb mariadb-dump', { glued: /^-p(?=.)/ }),
	...of('mysqladmin mariadb-admin', { glued: /^-p(?=.)/, after: { password: 0 } }),
	...of('7z 7za 7zr rar unrar', { glued: /^-h?p(?=.)/ }),
	...of('zip unzip mosquitto_pub mosquitto_sub ipmitool', { glued: /^-P(?=.)/, next: flags('-P') }),
	...of('sqlcmd bcp', { glued: /^-P(?=.)/, next: flags('-P') }),
	...of('mongo mongosh mongodump mongorestore mongoexport mongoimport', { next: flags('-p') }),
	...of('cqlsh ncftp rdesktop useradd usermod az', { next: flags('-p') }),
	...of('ldapsearch ldapmodify ldapadd ldapdelete ldappasswd', { glued: /^-w(?=.)/, next: flags('-w', '-s') }),
	...of('snmpget snmpwalk snmpset snmpbulkwalk snmptrap', { next: flags('-c', '-A', '-X') }),
	...of('xfreerdp wlfreerdp freerdp', { glued: /^\/p:/ }),
	...of('curl', {
		// a certificate with its passphrase, a cookie: both may be a file alone
		user: flags('-u', '--user', '-U', '--proxy-user', '-E', '--cert', '--proxy-cert', '-b'),
		gluedUser: /^(?:-[sSLkfvigIGjNOqR46]*[uU]|--user=|--proxy-user=|-E|--cert=|--proxy-cert=)/,
		lastUser: /^-[sSLkfvigIGjNOqR46]+[uU]$/,
	}),
	...of('http https', { user: flags('-a', '--auth'), gluedUser: /^(?:-a|--auth=)/ }),
	...of('ab', { user: flags('-A', '-P') }),
	...of('etcdctl', { user: flags('--user'), gluedUser: /^--user=/ }),
	...of('smbclient', { user: flags('-U'), gluedUser: /^-U/, spared: 1 }),
	...of('rpcclient net', { user: flags('-U'), gluedUser: /^-U/ }),
	...of('isql', { spared: 2 }),
	...of('wpa_passphrase', { spared: 1 }),
	...of('nmcli', { next: flags('password', 'wifi-sec.psk', '802-11-wireless-security.psk') }),
	...of('pkcs11-tool p11tool', { next: flags('-p', '--pin', '--so-pin', '--new-pin') }),
	...of('sqlplus sqlldr exp imp expdp impdp rman', { slash: true }),
	...of('mc', { after: { set: 2 } }),
	...of('influx', { next: flags('-t') }),
	...of('swaks', { next: flags('-ap', '-au') }),
	...of('sendemail sendEmail', { next: flags('-xp') }),
	...of('kubectl oc', { plain: true, user: flags('--from-literal'), gluedUser: /^--from-literal=/ }),
	...of('lftp', { user: flags('-u') }),
	...of('vault', { after: { login: 0 } }),
	...of('rabbitmqctl', { after: { add_user: 1, change_password: 1, authenticate_user: 1 } }),
	...of('ssh-keygen', { next: flags('-N', '-P') }),
	...of('sshpass', { glued: /^-p(?=.)/, next: flags('-p') }),
	...of('redis-cli', { next: flags('-a', '--pass'), after: { auth: 0, AUTH: 0 } }),
	...of('docker podman', { plain: true }),
	...of('openssl', { next: flags('-k', '-K') }),
	...of('wget', { user: flags('--user') }),
	...of('htpasswd', { after: { '-b': 2, '-bc': 2, '-cb': 2, '-Bb': 1, '-nb': 1, '-nbB': 1, '-bB': 2 } }),
	// where -p is something else: a path, a port, a process, a package, a plug-in, an expression
	...of(
		'mkdir cp mv install tar touch rsync scp ssh sftp nc ncat nmap telnet ps kill pgrep pidof top htop gdb strace ltrace perf lsof taskset chrt ionice renice prlimit pmap nsenter cargo rustc go make ninja cmake node bun deno perl ruby python python3 pytest tox pip protoc tsc tmux screen vim less lpr date cal df du mount umount zfs zpool lvs fdisk parted sfdisk mkfs ip tc ss iptables netstat systemctl journalctl logger wattlag redis-server postgres psql pg_dump pg_dumpall pg_restore pgbench pg_ctl createdb initdb nginx memcached java mvn gradle git svn hg patch diff grep sed jq helm read declare command getent bpftool trace-cmd docker-compose ansible-playbook gcc cc g++ clang ld',
		{ plain: true },
	),
};
/** Commands of a program with which `-p` is a password. */
const LOGIN: Readonly<Record<string, string>> = { docker: 'login', podman: 'login' };

/** Flags that name a user: then `-p` is a password in most programs, else a port or a path. */
const USER_FLAGS: ReadonlySet<string> = new Set(['-u', '-U', '--user', '--username', '-user', '-username', '--login']);
/** No password, but a port, a port mapping or a path. */
const NO_PASSWORD = /^(?:(?:\d{1,3}(?:\.\d{1,3}){3}:)?\d{1,5}(?::\d+)*(?:\/\w+)?|[./~].*|-.*|tcp|udp|icmp|all)$/;
/** Flags of several letters that begin with a p. */
const LONG_P =
	/^-p(?:\d*|ort|ath|arent|refix|rofile|rint0?|kg|ackage|rune|ool|latform|roject|ipe|ie|thread|edantic|g|rogress|arallel|erm|id|attern|lugin|reserve|roxy|rotocol|riority|aram\w*)(?:[=:].*)?$/;

/** Forms that few texts have, each with a text without which there is none. */
const RARE: readonly (readonly [needs: string, pattern: RegExp, by: string])[] = [
	['-----BEGIN ', PEM, MASK],
	['|', GIVEN, `$1${MASK}`],
	['<<<', HERE, `$1${MASK}`],
	['@', ORACLE, `$1${MASK}`],
	['://', URL_PASSWORD, `$1${MASK}`],
	['://', URL_TOKEN, `$1${MASK}`],
	['"value"', NAMED, `$1"${MASK}"`],
	['</', ELEMENT, `$1${MASK}`],
];

/** Masks what can be seen within one argument or a whole text. */
function within(text: string): string {
	let masked = text;
	for (const [needs, pattern, by] of RARE) if (masked.includes(needs)) masked = masked.replace(pattern, by);
	return masked
		.replace(SQL, `$1${MASK}`)
		.replace(PAIR, `$1${MASK}`)
		.replace(QUERY, `$1${MASK}`)
		.replace(BEARER, `$1$2${MASK}`)
		.replace(TOKENS, MASK);
}

/** `user:password` → `user:***`, also with `%`, `,` and `=`; a user alone stays. */
function maskUser(value: string): string {
	const [name] = /^["']?[^:%,=]*[:%,=]/.exec(value) ?? [];
	return name === undefined ? value : `${name}${MASK}`;
}

/** Words of a script, with the blanks between them; quoted ones stay whole. */
const WORDS = /(?:[^\s"'`\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`|["'`\\])+|\s+/g;

/** A text of several words: a script for a shell, or a command line whose arguments are no longer apart. */
function redactText(text: string, first: number): string {
	const header = HEADER.exec(text);
	if (header) return `${header[1]}${MASK}${redactText(text.slice(header[0].length), first)}`;
	const parts = text.match(WORDS) ?? [];
	const words = parts.filter((part) => part.trim() !== '');
	const masked = mask(words, first, insideQuotes);
	let at = 0;
	return within(parts.map((part) => (part.trim() === '' ? part : masked[at++])).join(''));
}

/** What is quoted within a word is a script too. It has no more quotes of that kind, so that this ends. */
function insideQuotes(word: string): string {
	return word.replace(/(["'])([\s\S]*?)\1/g, (_, quote, inside) => `${quote}${redactText(inside, 0)}${quote}`);
}

/** A word without its quotes. */
const bare = (word: string): string => word.replace(/^(["'])(.*)\1[;|&]*$/, '$2');

/**
 * @param first index of the first word that may be a flag
 * @param script masks a word with blanks
 */
function mask(args: readonly string[], first: number, script: (word: string) => string): string[] {
	let short: Flags = {};
	let next: 'value' | 'user' | null = null;
	/** Words after the one after which they are secret, and those of them that are not; −1: none. */
	let words = -1;
	let spared = 0;
	const namesUser = (argument: string) => USER_FLAGS.has(argument) || /^-u\w/.test(argument);
	let withUser = args.some(namesUser);
	/** The argument with its value masked; undefined: it has none in itself. */
	const withValue = (argument: string): string | undefined => {
		const whole = WHOLE.exec(argument) ?? PASS.exec(argument);
		if (whole) return `${whole[1] ?? whole[0]}${MASK}`;
		if (withUser && !short.plain && /^-p[^=-]/.test(argument) && !LONG_P.test(argument)) return `-p${MASK}`;
		if (short.slash)
			return /^[^\s/@:-][^\s/@:]*\/(?=[^/])/.test(argument) ? argument.replace(/\/[^@]+/, `/${MASK}`) : undefined;
		if (WHOLE_URL.test(argument)) return argument.replace(WHOLE_URL, `$1${MASK}`);
		const [flag] = short.gluedUser?.exec(argument) ?? [];
		return flag === undefined || flag === argument ? undefined : `${flag}${maskUser(argument.slice(flag.length))}`;
	};
	/** What the argument says of the next one. */
	const nextOf = (argument: string, index: number): typeof next => {
		if (FLAG.test(argument) || short.next?.has(argument)) return 'value';
		if (short.user?.has(argument) || short.lastUser?.test(argument)) return 'user';
		if (SETTERS.has(args[index - 1] ?? '') && WORD.test(argument)) return 'value';
		const isPassword = argument === '-p' && (withUser || !short.plain);
		return isPassword && !NO_PASSWORD.test(bare(args[index + 1] ?? '-')) ? 'value' : null;
	};
	return args.map((argument, index) => {
		const expected = next;
		next = null;
		if (expected === 'user') return maskUser(argument);
		// a flag that is followed by another one takes no value
		if (expected === 'value' && !argument.startsWith('--')) return /^\d?$/.test(argument) ? argument : MASK;
		if (words >= 0 && !argument.startsWith('-') && words++ >= spared) return MASK;
		if (index >= first) {
			const [glued] = short.glued?.exec(argument) ?? [];
			if (glued !== undefined) return `${glued}${MASK}`;
			next = nextOf(argument, index);
			if (next !== null) return argument;
			if (short.after && Object.hasOwn(short.after, argument)) [words, spared] = [0, short.after[argument] ?? 0];
			const masked = withValue(argument);
			if (masked !== undefined) return masked;
		}
		// also behind sudo, env, timeout
		const program = argument.replace(/^.*\//, '');
		if (Object.hasOwn(SHORT, program)) {
			const login = LOGIN[program];
			short = login !== undefined && args.includes(login) ? { next: flags('-p') } : (SHORT[program] ?? {});
			[words, spared] = short.spared === undefined ? [-1, 0] : [0, short.spared];
			// a user before it is that of sudo
			if (short.plain) withUser = args.slice(index + 1).some(namesUser);
		}
		return within(/\s/.test(argument) ? script(argument) : argument);
	});
}

/** The arguments of a process, the program first, with secrets masked. Their number stays. */
export function redactArguments(args: readonly string[]): string[] {
	return mask(args, 1, (argument) => redactText(argument, 0));
}

/**
 * A command line as one text with secrets masked: for texts whose arguments are no longer known apart. Where they are, use
 * {@link redactArguments}: a value with blanks but without quotes is masked to its first blank here.
 */
export function redact(command: SafeText): SafeText {
	return redactText(command, 1) as SafeText;
}

/** Lines of a log or a configuration file with secrets masked. */
export function redactLines(text: string): string {
	return text
		.replace(PEM, MASK)
		.split('\n')
		.map((line) => {
			const args = Array.from(line.matchAll(AUDIT_ARGUMENT), ([, value = '']) => value.replaceAll('"', ''));
			if (args.length === 0 && !line.includes('proctitle=')) return redactText(line, 1);
			const masked = redactArguments(args.map((word) => (/^[0-9A-F]{4,}$/.test(word) ? MASK : word)));
			let at = 0;
			return line
				.replace(AUDIT_TITLE, `proctitle=${MASK}`)
				.replace(AUDIT_ARGUMENT, (argument) => `${argument.slice(0, argument.indexOf('='))}="${masked[at++]}"`);
		})
		.join('\n');
}
