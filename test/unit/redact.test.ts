/** Secrets in command lines: masked where a name or form tells, everything else untouched. */
import { describe, expect, test } from 'vitest';
import { MASK, redact, redactArguments } from '../../src/lib/redact.ts';
import { sanitize } from '../../src/lib/sanitize.ts';

const secret = 'hunter2secret';

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
	])('%j', (args) => expect(redactArguments(args)).toEqual(args));
});

test('a flag that is followed by another flag has no value', () => {
	expect(redactArguments(['app', '--password', '--verbose'])).toEqual(['app', '--password', '--verbose']);
});

test('a command line whose arguments are no longer apart', () => {
	expect(redact(sanitize(`app --token ${secret} --mode fast`))).toBe(`app --token ${MASK} --mode fast`);
});

test('long texts take no more than linear time', () => {
	const long = 'password'.repeat(500);
	expect(
		redactArguments(['app', long, '-'.repeat(4000), `${'a_'.repeat(2000)}=1`, `"${'\\'.repeat(4000)}`]),
	).toHaveLength(5);
});
