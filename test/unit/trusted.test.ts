/** scripts/trusted.sh: what root may build and run. The tests' own user stands for the one who typed sudo. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let checkout: string;
const file = () => join(checkout, 'dist/program.mjs');

beforeEach(() => {
	checkout = mkdtempSync(join(tmpdir(), 'wattlag-trusted-'));
	mkdirSync(join(checkout, 'dist'), { mode: 0o755 });
	writeFileSync(file(), '', { mode: 0o644 });
});
afterEach(() => rmSync(checkout, { recursive: true }));

/** Exit code and message. */
function check(user = process.getuid?.() ?? 0): { status: number | null; stderr: string } {
	const script = `. scripts/trusted.sh; require_trusted run "$1" 2 "$1/dist" "$1/missing"; echo ran`;
	return spawnSync('sh', ['-euc', script, 'sh', checkout], {
		encoding: 'utf8',
		env: { ...process.env, SUDO_UID: String(user), SUDO_GID: String(process.getgid?.()) },
	});
}

test('a tree that only its owner can write is trusted', () => {
	expect(check()).toMatchObject({ status: 0, stderr: '', stdout: 'ran\n' });
});

test('a file that everybody can write is refused, by name', () => {
	chmodSync(file(), 0o646);
	expect(check()).toMatchObject({ status: 1, stdout: '' });
	expect(check().stderr).toMatch(
		/^wattlag: refused: root would run .*dist\/program\.mjs belongs to .*, mode -rw-r--rw-; .*\n$/,
	);
});

test.each([
	['a folder below', 'dist'],
	['the checkout itself', '.'],
])('so is %s', (_, path) => {
	chmodSync(join(checkout, path), 0o757);
	expect(check().status).toBe(1);
	// nobody renames the files of others there
	chmodSync(join(checkout, path), 0o1757);
	expect(check().status).toBe(0);
});

test('so is a folder above the checkout', () => {
	const above = checkout;
	checkout = join(above, 'dist');
	mkdirSync(join(checkout, 'dist'));
	chmodSync(above, 0o777);
	const { status } = check();
	checkout = above;
	expect(status).toBe(1);
});

test("a symbolic link's own mode says nothing", () => {
	symlinkSync('program.mjs', join(checkout, 'dist/link'));
	expect(check().status).toBe(0);
});

test.runIf(process.getuid?.() === 0)('what belongs to another user is refused, but for the one who typed sudo', () => {
	execFileSync('chown', ['4321', file()]);
	expect(check().status).toBe(1);
	expect(check(4321).status).toBe(0);
	execFileSync('chown', ['-R', '0:4321', join(checkout, 'dist')]);
	chmodSync(file(), 0o664);
	expect(check().stderr).toContain('mode -rw-rw-r--');
});

describe('what a start asks of a checkout', () => {
	/** Of `inspect_checkout`: whether a build is older than its sources, or the refusal. */
	function inspect(): { status: number | null; stdout: string; stderr: string } {
		const script = `. scripts/trusted.sh; inspect_checkout "$1"; [ -z "$stale" ] && echo fresh || echo stale`;
		return spawnSync('sh', ['-euc', script, 'sh', checkout], {
			encoding: 'utf8',
			env: { ...process.env, SUDO_UID: String(process.getuid?.()), SUDO_GID: String(process.getgid?.()), CDPATH: '/' },
		});
	}
	const built = () => join(checkout, 'build/complete');
	const old = new Date(1e12);
	const now = new Date(2e12);

	beforeEach(() => {
		for (const folder of ['build', 'bpf', 'native', 'scripts', 'src/generated', 'src/lib', 'node_modules', 'bin'])
			mkdirSync(join(checkout, folder), { recursive: true, mode: 0o755 });
		for (const name of ['package.json', 'package-lock.json', 'src/lib/units.ts', 'src/generated/io.ts'])
			writeFileSync(join(checkout, name), '', { mode: 0o644 });
		for (const name of [
			'bpf',
			'native',
			'scripts',
			'src',
			'src/lib',
			'package.json',
			'package-lock.json',
			'src/lib/units.ts',
		])
			utimesSync(join(checkout, name), old, old);
		writeFileSync(built(), '', { mode: 0o644 });
		utimesSync(built(), new Date(1.5e12), new Date(1.5e12));
	});

	test('nothing is newer than the build but what it has made', () => {
		expect(inspect()).toMatchObject({ status: 0, stdout: 'fresh\n', stderr: '' });
	});

	test.each(['src/lib/units.ts', 'src/lib', 'package.json', 'scripts'])('%s has changed', (path) => {
		utimesSync(join(checkout, path), now, now);
		expect(inspect()).toMatchObject({ status: 0, stdout: 'stale\n' });
	});

	test('there is no complete build', () => {
		rmSync(built());
		expect(inspect()).toMatchObject({ status: 0, stdout: 'stale\n' });
	});

	test.runIf(process.getuid?.() === 0).each(['dist/program.mjs', 'src/lib/units.ts', 'node_modules', '.'])(
		'root refuses it where others can write %s, also when something has changed',
		(path) => {
			utimesSync(join(checkout, 'src'), now, now);
			chmodSync(join(checkout, path), 0o757);
			expect(inspect()).toMatchObject({ status: 1, stdout: '' });
			expect(inspect().stderr).toContain(path === '.' ? `${checkout} belongs to` : `${path} belongs to`);
		},
	);
});
