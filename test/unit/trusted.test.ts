/** scripts/trusted.sh: what root may build and run. The tests' own user stands for the one who typed sudo. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

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
