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
