/** Names of users: of the file, and of databases that answer later. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { askSystem, Users } from '../../src/system/users.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

test('the file first; what it does not have is asked for once, one question at a time', async () => {
	tree.set('passwd', 'root:x:0:0::/root:/bin/sh\n+::::::\nbroken\nalso-root:x:0:0\n');
	const questions: number[] = [];
	let running = 0;
	const users = new Users(tree.path('passwd'), async (uid) => {
		questions.push(uid);
		expect(++running).toBe(1);
		await Promise.resolve();
		running--;
		if (uid === 7) throw new Error('no answer');
		return Buffer.from(uid === 1000 ? 'ali\u001b[2Jce' : '');
	});
	const names = () => [0, 1000, 7, 8, -1].map((uid) => users.name(uid));
	expect(names()).toEqual(['root', '1000', '7', '8', '?']);
	expect(names()).toEqual(['root', '1000', '7', '8', '?']);
	await new Promise((resolve) => setTimeout(resolve, 10));
	expect(names()).toEqual(['root', 'ali^[[2Jce', '7', '8', '?']);
	expect(users.answers).toBe(1);
	expect(questions).toEqual([1000, 7, 8]);
});

test('a database that never answers: numbers, and no more than 64 questions wait', async () => {
	let questions = 0;
	const users = new Users('/nowhere', () => {
		questions++;
		return new Promise(() => {});
	});
	for (let uid = 1; uid < 10_000; uid++) expect(users.name(uid)).toBe(`${uid}`);
	await new Promise((resolve) => setTimeout(resolve, 10));
	expect(questions).toBe(1);
});

test('the system is asked as getent is', async () => {
	const [name = ''] = execFileSync('getent', ['passwd', '65534'], { encoding: 'utf8' }).split(':');
	expect(Buffer.from(await askSystem(65534)).toString()).toBe(name);
	expect(name).not.toBe('');
	expect(await askSystem(3_999_999_999)).toHaveLength(0);
});
