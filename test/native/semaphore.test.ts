/** Who changed a System V semaphore last. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { addon } from './support.ts';

/** Makes a set of two, changes the second, prints id and own pid; with an id, removes that set. */
const SCRIPT = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if len(sys.argv) > 1:
    libc.semctl(int(sys.argv[1]), 0, 0)
else:
    id = libc.semget(0, 2, 0o600 | 0o1000)
    assert libc.semop(id, (ctypes.c_short * 3)(1, 1, 0), 1) == 0
    print(id, os.getpid())
`;

const python = (...args: string[]): string => {
	const { status, stdout, stderr } = spawnSync('python3', ['-c', SCRIPT, ...args], {
		encoding: 'utf8',
		timeout: 20_000,
	});
	expect(stderr).toBe('');
	expect(status).toBe(0);
	return stdout;
};

test('the process that changed it, also when that has ended; 0 before', () => {
	const [id = '', pid] = python().trim().split(' ');
	try {
		expect(addon().semaphorePid(Number(id), 1)).toBe(Number(pid));
		expect(addon().semaphorePid(Number(id), 0)).toBe(0);
		expect(() => addon().semaphorePid(Number(id), 2)).toThrow(/semaphore 2 of set \d+: .*EINVAL/);
	} finally {
		python(id);
	}
	expect(() => addon().semaphorePid(Number(id), 0)).toThrow(/EINVAL|EIDRM/);
});
