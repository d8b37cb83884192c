/** The environment that launchers hand to Node: nothing in it makes Node, the C library or OpenSSL load files (scripts/node-flags.sh). */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { nodeFlags } from '../../scripts/node-flags.ts';

const others = { HOME: '/root', PATH: process.env['PATH'] ?? '/usr/bin:/bin', MY_NODE_OPTIONS: 'kept', EMPTY: '' };

test.each(['sh', 'bash'])('%s drops them, and nothing else', (shell) => {
	const loading = Object.fromEntries(
		nodeFlags().loading.map((name) => [name.endsWith('_') ? `${name}OPTIONS` : name, "it's *\nHOME=/tmp $(id)"]),
	);
	const script = '. scripts/node-flags.sh; clean_environment; exec env -0';
	const text = execFileSync(shell, ['-euc', script], { encoding: 'utf8', env: { ...others, ...loading } });
	const names = text.split('\0').map((line) => line.slice(0, line.indexOf('=')));
	expect(names.filter((name) => name in loading)).toEqual([]);
	expect(text.split('\0')).toEqual(expect.arrayContaining(Object.entries(others).map((pair) => pair.join('='))));
});
