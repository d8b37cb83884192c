import { expect, test } from 'vitest';
import { baseFolder, homeFolder } from '../../src/lib/home.ts';
import { loadConfig } from '../../src/options/config/file.ts';
import { treePerFile } from '../lib/tree.ts';

const tree = treePerFile();

test.each([
	[{ HOME: '/h' }, '/account', '/h'],
	[{}, '/account', '/account'],
	// none of these may lead into the current folder
	[{ HOME: '' }, '/account', '/account'],
	[{ HOME: 'h' }, '', undefined],
	[{ HOME: '.' }, 'account', undefined],
	[{}, '', undefined],
])('home folder of %j with %j in passwd: %j', (env: { HOME?: string }, account, expected) => {
	expect(homeFolder(env, () => account)).toBe(expected);
});

test('the XDG folder counts where it is absolute', () => {
	expect(baseFolder({ XDG_STATE_HOME: '/s', HOME: '/h' }, 'XDG_STATE_HOME', '.local/state')).toBe('/s');
	expect(baseFolder({ XDG_STATE_HOME: 's', HOME: '/h/' }, 'XDG_STATE_HOME', '.local/state')).toBe('/h/.local/state');
});

test('a configuration below the current folder is not read', async () => {
	tree.set('.config/wattlag/config.toml', 'nonsense = [');
	const before = process.cwd();
	process.chdir(tree.root);
	try {
		for (const HOME of ['', '.', './'])
			expect(await loadConfig(undefined, { HOME, XDG_CONFIG_HOME: '.config' })).toBeNull();
	} finally {
		process.chdir(before);
	}
});
