/** The built program where the machine hides something from it: no home, a restricted /proc, few CPUs, other clocks, no bpf(2). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { treePerFile } from '../lib/tree.ts';

const run = promisify(execFile);
const tree = treePerFile();
const program = `${process.cwd()}/bin/wattlag`;

interface Ran {
	code: number;
	stdout: string;
	stderr: string;
}

async function ran(
	command: string,
	args: readonly string[],
	options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
	return run(command, args, { ...options, maxBuffer: 1 << 28 }).then(
		(done) => ({ code: 0, ...done }),
		(error: Ran) => error,
	);
}

const asNumber = ['--reuid=12345', '--regid=12345', '--clear-groups'];
const { HOME: _, XDG_CONFIG_HOME: __, ...homeless } = process.env;

test.concurrent.for([
	['unset', homeless],
	['empty', { ...homeless, HOME: '' }],
] as const)('HOME %s, a user without an entry in passwd: as without a configuration', async ([, env]) => {
	tree.set('cwd/.config/wattlag/config.toml', 'nonsense = [');
	const options = { env, cwd: tree.path('cwd') };
	const batch = ['--batch', '--source', 'proc', '-n', '1', '--delay', '0.3'];
	expect(await ran('setpriv', [...asNumber, program, ...batch], options)).toMatchObject({ code: 0, stderr: '' });
	const doctor = await ran('setpriv', [...asNumber, program, 'doctor'], options);
	expect(doctor.stderr).toBe('');
	expect(doctor.stdout).toMatch(/tabs work/);
});
