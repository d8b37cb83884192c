/** Once for a test file: what a test has started ends with it, also when it fails or takes too long. */
import { afterAll, beforeEach } from 'vitest';
import { killMarked, MARK, marked } from './marked.ts';

const own = `${process.env[MARK] ?? 'alone'}:${process.pid}`;
process.env[MARK] = own;

const isOurs = ({ mark }: { mark: string }): boolean => mark === own;

beforeEach(({ task, onTestFinished }) => {
	// the owner of a process is not known where tests run at the same time: left processes end with their file
	if (task.concurrent) return;
	/** Of the file, not of this test. */
	const before = new Set(
		marked()
			.filter(isOurs)
			.map(({ pid }) => pid),
	);
	// registered before those of the test, hence done after them
	onTestFinished(() => killMarked((one) => isOurs(one) && !before.has(one.pid)));
});

afterAll(() => killMarked(isOurs));
