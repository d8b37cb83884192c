/** Secrets in command lines: masked where a name or form tells, everything else untouched. */
import { describe, expect, test } from 'vitest';
import { MASK, redact, redactArguments, redactLines } from '../../src/lib/redact.ts';
import { sanitize } from '../../src/lib/sanitize.ts';

const secret = 'hunter2XYZ';

test.each([
	['a flag with =', ['app', `--password=${secret}`]],
	['a flag and its value', ['app', '--db-password', secret]],
	['a value with blanks', ['app', '--passphrase', `${secret} and more`]],
	['one dash', ['app', `-token=${secret}`]],
	['a variable', ['env', `PGPASSWORD=${secret}`, 'psql']],
	['a long variable', ['env', `AWS_SECRET_ACCESS_KEY=${secret}`]],
	['a Java property', ['java', `-Dspring.datasource.password=${secret}`]],
	['a URL with a user', ['psql', `postgresql://bob:${secret}@db/app`]],
	['a query', ['curl', `https://example.org/x?user=bob&access_token=${secret}&page=2`]],
	['mysql -p', ['mysql', '-uroot', `-p${secret}`]],
	['mysql -p behind sudo', ['sudo', '/usr/bin/mysqldump', `-p${secret}`]],
	['sshpass -p', ['sshpass', '-p', secret, 'ssh', 'host']],
	['curl -u', ['curl', '-u', `bob:${secret}`, 'https://example.org']],
	['a header', ['curl', '-H', `Authorization: Bearer ${secret}`]],
	['a header of another name', ['curl', '-H', `X-Api-Key: ${secret}`]],
	['JSON', ['curl', '-d', `{"user":"bob","password":"${secret}"}`]],
	[
		'a script for a shell',
		['sh', '-c', `curl -u bob:${secret} https://x | mysql -p${secret}; export API_TOKEN=${secret}`],
	],
	['docker login', ['docker', 'login', '-u', 'bob', '-p', secret]],
	['redis-cli', ['redis-cli', '-a', secret, 'ping']],
	['-p beside a user', ['app', '-u', 'bob', '-p', secret]],
	['curl -u glued', ['curl', `-ubob:${secret}`, 'https://example.org']],
	['curl --user=', ['curl', `--user=bob:${secret}`]],
	['curl -b', ['curl', '-b', `sid=${secret}`]],
	['a key store', ['java', `-Djavax.net.ssl.keyStorePassword=${secret}`]],
	['a connection string', ['app', `Protocol=https;AccountKey=${secret}==`]],
	['a literal in a flag', ['kubectl', 'create', 'secret', `--from-literal=password=${secret}`]],
	['a registry', ['npm', 'config', 'set', `//registry.example.org/:_authToken=${secret}`]],
	['a token in JSON in an argument', ['app', `{"auth":{"token":"${secret}"}}`]],
	['a token as the user of a URL', ['git', 'clone', `https://${secret}7f3a91c2d4@example.org/x.git`]],
	['zip -P', ['zip', '-P', secret, 'a.zip']],
	['7z -p', ['7z', 'x', `-p${secret}`, 'a.7z']],
	['smbclient -U', ['smbclient', '//host/share', '-U', `bob%${secret}`]],
	['lftp -u', ['lftp', '-u', `bob,${secret}`, 'host']],
	['vault login', ['vault', 'login', secret]],
	['rabbitmqctl', ['rabbitmqctl', 'change_password', 'bob', secret]],
	['snmpwalk -c', ['snmpwalk', '-v2c', '-c', secret, 'host']],
	['-p of a program that is not known', ['backup-tool', '-p', secret, '/data']],
	['-p glued, beside a user', ['backup-tool', '-ubob', `-p${secret}`]],
	['a flag of letters without a separator', ['app', '--dbpassword', secret]],
	['a flag that ends in pass', ['keytool', '-storepass', secret]],
	['--pass=', ['app', `--smtp-pass=${secret}`]],
	['a value with a comma', ['app', `--password=a,b;c}${secret}`]],
	['a value with blanks behind =', ['app', `--password=two words ${secret}`]],
	['a value with a backslash', ['app', `--connect=host=x;password=DOMAIN\\${secret}`]],
	['a value that begins with a dash', ['app', '--token', `-${secret}`]],
	['a key of a query that means nothing elsewhere', ['curl', `https://example.org/x?key=${secret}&page=2`]],
	['a signature in a query', ['azcopy', 'copy', `https://a.example.org/c?sv=2022&sig=${secret}%3D&se=2030`]],
	['a signed address', ['wget', `https://s3.example.org/o?X-Amz-Signature=${secret}`]],
	['basic authentication', ['curl', '-H', `Authorization: Basic ${secret}Zm9v==`]],
	['basic authentication, encoded', ['app', `--header=Basic%20${secret}Zm9v`]],
	['a password with @ in a URL', ['psql', `postgres://bob:p@ss@${secret}@db/app`]],
	['a password with / in a URL', ['psql', `postgres://bob:pa/${secret}@db/app`]],
	['a URL without a user', ['redis-cli', '-u', `redis://:${secret}@host:6379/0`]],
	['a variable before a command', ['sh', '-c', `DB_PASS=${secret} PGHOST=x psql`]],
	['a quoted variable before a command', ['sh', '-c', `API_TOKEN="two ${secret}" ./run; export PW='a ${secret}'`]],
	['a quoted value of a flag in a script', ['sh', '-c', `app --password 'two words ${secret}' --fast`]],
	['a quoted value of -p in a script', ['sh', '-c', `mysql -p"two words ${secret}" shop`]],
	['a script in a script', ['sudo', 'sh', '-c', `ssh host "app --token ${secret} --fast"`]],
	['JSON with blanks', ['curl', '-d', `{ "user": "bob", "password": "two ${secret}" }`]],
	['JSON, escaped in a script', ['sh', '-c', `curl -d "{\\"password\\":\\"two ${secret}\\"}" host`]],
	['JSON with a list', ['app', `{"passwords":["one","${secret}"]}`]],
	['JSON with names and values', ['app', `[{"name":"DB_PASSWORD","value":"${secret}"}]`]],
	['a Python dictionary', ['python3', '-c', `connect({'user': 'bob', 'password': '${secret}'})`]],
	['XML', ['curl', '-d', `<login><user>bob</user><password>${secret}</password></login>`]],
	['openssl -passin', ['openssl', 'rsa', '-passin', `pass:${secret}`]],
	['aws configure', ['aws', 'configure', 'set', 'aws_secret_access_key', secret]],
	['git config', ['git', 'config', 'user.password', secret]],
	['echo to a program that reads it', ['sh', '-c', `echo "${secret}" | docker login -u bob --password-stdin`]],
	['echo to sudo', ['sh', '-c', `echo ${secret} | sudo -S reboot`]],
	['htpasswd -b', ['htpasswd', '-b', '/etc/x', 'bob', secret]],
	['ssh-keygen -N', ['ssh-keygen', '-t', 'rsa', '-N', secret]],
	['mysqladmin password', ['mysqladmin', '-u', 'root', 'password', secret]],
	['httpie -a', ['http', '-a', `bob:${secret}`, 'example.org']],
	['a number behind the name', ['env', `DB_PASSWORD_2=${secret}`, `GITHUB_TOKEN2=${secret}`]],
	['an encoding behind the name', ['env', `SECRET_B64=${secret}==`, `SECRET_KEY_BASE=${secret}`]],
	['other languages', ['app', `--passwort=${secret}`, `--mot-de-passe=${secret}`, '--kennwort', secret]],
	['authorization of another scheme', ['curl', '-H', `Authorization: ApiKey ${secret}`]],
	['authorization without a blank', ['curl', '-H', `authorization:bearer ${secret}`]],
	['a digest', ['curl', '-H', `Authorization: Digest username="bob", response="${secret}"`]],
	['all cookies of a header', ['curl', '-H', `Cookie: a=1; session=${secret}`]],
	['a header in a script', ['sh', '-c', `curl -H "Cookie: a=1; session=${secret}" https://x`]],
	[
		'a private key over lines',
		['app', `-----BEGIN RSA PRIVATE KEY-----\nMII${secret}\nabc\n-----END RSA PRIVATE KEY-----`],
	],
	['a password with a blank in a URL', ['psql', `postgres://bob:a ${secret}@db/app`]],
	['Oracle', ['sqlplus', `scott/${secret}@db`]],
	['JDBC of Oracle', ['java', `-Durl=jdbc:oracle:thin:scott/${secret}@//db:1521/x`]],
	['curl -su', ['curl', '-su', `bob:${secret}`, 'https://x']],
	['curl -subob', ['curl', `-subob:${secret}`, 'https://x']],
	['a certificate with its passphrase', ['curl', '-E', `c.pem:${secret}`]],
	['SQL', ['psql', '-c', `ALTER USER bob WITH PASSWORD '${secret}'`]],
	['SQL of MySQL', ['mysql', '-e', `CREATE USER b IDENTIFIED BY '${secret}'; SET PASSWORD = PASSWORD('${secret}')`]],
	['a here-string', ['sh', '-c', `docker login --password-stdin <<< ${secret}`]],
	['printf to a program that reads it', ['sh', '-c', `printf '%s' ${secret} | docker login --password-stdin`]],
	['PHP', ['php', '-r', `$password = '${secret}';`]],
	['Python, by an index', ['python3', '-c', `os.environ['DB_PASSWORD'] = '${secret}'`]],
	['setenv', ['csh', '-c', `setenv GITHUB_TOKEN ${secret}`]],
	['set of fish', ['fish', '-c', `set -gx GITHUB_TOKEN ${secret}`]],
	['a command in place of a value', ['sh', '-c', `app --password \`echo ${secret}\` --fast`]],
	['--from-literal', ['kubectl', 'create', 'secret', 'generic', 'x', '--from-literal', `name=${secret}`]],
	['a secret id', ['vault', 'write', 'auth/approle/login', 'role_id=1', `secret_id=${secret}`]],
	['a PIN', ['pkcs11-tool', '--login', '--pin', secret]],
	['the second word', ['wpa_passphrase', 'network', secret]],
	['nmcli', ['nmcli', 'dev', 'wifi', 'connect', 'x', 'password', secret]],
	['mc alias', ['mc', 'alias', 'set', 'x', 'https://h', 'KEY', secret]],
	['redis AUTH', ['redis-cli', 'AUTH', secret]],
	['--masterauth', ['redis-server', '--masterauth', secret]],
	['ldapsearch -w glued', ['ldapsearch', '-D', 'cn=x', `-w${secret}`]],
	['a webhook', ['curl', `https://discord.com/api/webhooks/123456789012345678/${secret}abcdefgh`]],
	['rar -hp', ['rar', 'a', `-hp${secret}`, 'x.rar']],
])('%s', (_, args) => {
	const masked = redactArguments(args);
	expect(masked).toHaveLength(args.length);
	expect(masked.join(' ')).not.toContain(secret);
	expect(masked.join(' ')).toContain(MASK);
	expect(masked[0]).toBe(args[0]);
});

test.each([
	`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl`,
	`ghp_${'a1B2'.repeat(9)}`,
	`xoxb-${'1234567890'.repeat(2)}`,
	`AKIA${'ABCDEFGH12345678'}`,
	`sk_live_${'a1B2'.repeat(6)}`,
	`npm_${'a1B2'.repeat(9)}`,
	`hf_${'aBcD'.repeat(9)}`,
	`SG.${'a1B2'.repeat(6)}.${'a1B2'.repeat(8)}`,
])('a token by its form: %s', (token) => {
	expect(redactArguments(['app', token])).toEqual(['app', MASK]);
});

describe('not masked', () => {
	test.each([
		[['ssh', '-p', '2222', 'host']],
		[['docker', 'run', '-p', '80:80', 'nginx']],
		[['app', '--max-tokens', '5', '--tokenizer', 'bpe']],
		[['app', '--pass-through', 'yes', '--passive', '--author', 'me', '--bypass=1']],
		[['redis-server *:6379']],
		[['postgres: bob shop [local] UPDATE waiting']],
		[['/usr/bin/java', '-Xmx2g', '-cp', '/opt/x.jar', 'org.example.Main']],
		[['curl', 'https://bob@example.org/a:b']],
		[['git', 'clone', 'ssh://git@example.org:22/x.git']],
		[['mkdir', '-p', '/tmp/x']],
		[['ssh', '-l', 'bob', '-p', '2222', 'host']],
		[['psql', '-U', 'bob', '-p', '5433']],
		[['docker', 'run', '-u', '1000', '-p', '8080:80', 'nginx']],
		[['vault', 'status']],
		[['git', 'clone', 'https://somebody@example.org/x.git']],
		[['curl', 'http://localhost:8080/a@b']],
		[['psql', '--no-password', 'shop']],
		[['cp', '-p', 'one', 'two']],
		[['cargo', 'build', '-p', 'parser']],
		[['pytest', '-p', 'no:cacheprovider']],
		[['gcc', '-pthread', '-pipe', '-u', 'main', 'x.c']],
		[['app', '-u', 'bob', '-port', '80', '-path', 'x', '-profile=fast']],
		[['sh', '-c', 'echo \'it is  two  blanks\' && ls "a b"  | wc']],
		[['sh', '-c', `don't stop, it's "unbalanced`]],
		[['app', '{"name":"fast","value":"3"}', '<user>bob</user>']],
		[['git', 'add', 'compass', 'README']],
		[['app', '--token-count', '5', '--key-file', '/x.key', '--password-file=/run/secrets/x', '--token-file', '/x']],
		[['curl', '-b', '/tmp/jar', '-E', 'c.pem', '-sSL', 'https://x']],
		[['sudo', '-u', 'bob', 'mkdir', '-p', 'x/y']],
		[['app', '-p', '127.0.0.1:80']],
		[['ffmpeg', '-pass', '1', '-i', 'x']],
		[['sqlplus', '/nolog']],
		[['nmcli', 'dev', 'status']],
		[['sshd', '-o', 'PasswordAuthentication=no', '-o', 'PubkeyAuthentication=yes']],
		[['app', '--signature-version', 'v4', '--auth-mode', 'none', '--no-auth', '--session-id-length=3']],
		[['java', '-Djava.security.auth.login.config=/x', 'monkey=3', 'keys=4']],
		[['sh', '-c', 'echo `date` && printf done | cat']],
	])('%j', (args) => expect(redactArguments(args)).toEqual(args));
});

test('a flag that is followed by another flag has no value', () => {
	expect(redactArguments(['app', '--password', '--verbose'])).toEqual(['app', '--password', '--verbose']);
});

test('a command line whose arguments are no longer apart', () => {
	expect(redact(sanitize(`app --token ${secret} --mode fast`))).toBe(`app --token ${MASK} --mode fast`);
});

test('a private key within a configuration file', () => {
	const text = `a: 1\n-----BEGIN PRIVATE KEY-----\nMII${secret}\n-----END PRIVATE KEY-----\nb: 2\n`;
	expect(redactLines(text)).toBe(`a: 1\n${MASK}\nb: 2\n`);
});

test('a command line with quotes whose arguments are no longer apart', () => {
	expect(redact(sanitize(`app --token 'two ${secret}' "x  y"`))).toBe(`app --token ${MASK} "x  y"`);
});

test('masking twice changes nothing more', () => {
	const once = redact(
		sanitize(`mysql -p${secret} --host=x | curl -u bob:${secret} -H "Authorization: Basic ${secret}"`),
	);
	expect(redact(once)).toBe(once);
});

test.each([
	'password'.repeat(512),
	'-'.repeat(4096),
	`${'a_'.repeat(2040)}=1`,
	`"${'\\'.repeat(4000)}`,
	`'"`.repeat(2048),
	`a://b:`.repeat(680),
	`echo -n `.repeat(512),
	`"password":[`.repeat(340),
	`<password `.repeat(400),
	`{"name":"password","value":`.repeat(150),
	'-----BEGIN PRIVATE KEY-----'.repeat(150),
	'password ('.repeat(400),
	'identified with x '.repeat(220),
	'`$('.repeat(1300),
	'echo x '.repeat(580),
	'--with-token '.repeat(300),
])('the longest texts end: %#', (text) => {
	expect(redactArguments(['app', text, `${text} x`])).toHaveLength(3);
	expect(redact(sanitize(text)).length).toBeGreaterThan(0);
});
