import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/commands.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { CommandLine } from '../../src/options/command.ts';
import { readFlags } from '../../src/options/command-line.ts';
import { loadConfig } from '../../src/options/config/file.ts';
import { isKey } from '../../src/options/config/keys.ts';
import { configSchema } from '../../src/options/config/schema.ts';
import { configPath } from '../../src/options/flags.ts';
import { defaultBindings } from '../../src/options/keymap.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { registry } from '../../src/registry.ts';
import { eventSettings } from '../../src/tracers/events/options.ts';
import { HiddenReasons, Reasons } from '../../src/tracers/events/reasons.ts';
import { treePerFile } from '../lib/tree.ts';

const tracers = registry.map(({ tracer }) => tracer);
const program = { tracers, commands };
const tree = treePerFile();

/** As the program does it: file, environment, command line. */
async function resolve(toml: string, argv: string[] = [], env: Record<string, string> = {}): Promise<CommandLine> {
	tree.set('config.toml', toml);
	const flags = readFlags(['--config', tree.path('config.toml'), ...argv], program);
	return resolveOptions(flags, program, { env, file: await loadConfig(configPath(flags), env) });
}

describe('sources in their order', () => {
	test('file', async () => {
		const command = await resolve(
			'tab = "io"\ndelay = 2.5\ntheme = "light"\ncolours = 16\nascii = true\nmouse = true\n' +
				'[energy]\npower = 65\nsort = "cpu"\n[io]\nslow = 25\nsort = "bytes"\ngroup = "device"\n[keys]\nfilter = ["/", "F2"]\nquit = "x"\n',
		);
		expect(command).toMatchObject({
			tab: 'io',
			delay: 2.5,
			mouse: true,
			appearance: { theme: 'light', colours: 16, ascii: true },
			sorts: { energy: 'cpu', io: 'bytes' },
			groups: { io: 'device' },
			keys: { filter: ['/', 'F2'], quit: ['x'] },
		});
		expect(command.sections['io']).toMatchObject({ slow: 25 });
		expect(command.sections['energy']).toMatchObject({ power: 65 });
	});

	test('environment before file, command line before both', async () => {
		const toml = 'delay = 2\ntheme = "light"\nascii = true\n[energy]\nsort = "cpu"\n';
		const env = {
			WATTLAG_DELAY: '3',
			WATTLAG_THEME: 'dark',
			WATTLAG_ASCII: '0',
			WATTLAG_SORT: 'pid',
			WATTLAG_SLOW: '7',
		};
		const fromEnv = await resolve(toml, [], env);
		expect(fromEnv).toMatchObject({
			delay: 3,
			appearance: { theme: 'dark', ascii: false },
			sorts: { overview: 'pid', energy: 'cpu' },
		});
		expect(fromEnv.sections['io']).toMatchObject({ slow: 7 });
		expect(await resolve(toml, ['--delay', '4', '--sort', 'comm', '--ascii'], env)).toMatchObject({
			delay: 4,
			appearance: { ascii: true },
			sorts: { overview: 'comm' },
		});
	});

	test('nothing anywhere: defaults', async () => {
		expect(await resolve('')).toMatchObject({
			delay: 1,
			mouse: false,
			appearance: { theme: 'auto', colours: 'auto', ascii: false },
			keys: {},
		});
	});
});

describe('where the file is', () => {
	test('XDG, then the home directory; no file is fine, a named one must be there', async () => {
		expect(await loadConfig(undefined, { XDG_CONFIG_HOME: tree.root, HOME: tree.root })).toBeNull();
		await expect(loadConfig(tree.path('none.toml'), {})).rejects.toThrow(
			/none\.toml: cannot be read \(no such file or directory\); give another/,
		);
		await expect(loadConfig(undefined, { WATTLAG_CONFIG: tree.root })).rejects.toThrow(
			/cannot be read \(illegal operation on a directory\)/,
		);
	});

	test('a home that cannot be looked into has none; what has no end is none', async () => {
		tree.link('loop', 'loop');
		expect(await loadConfig(undefined, { HOME: tree.path('loop') })).toBeNull();
		await expect(loadConfig('/dev/zero', {})).rejects.toThrow(/larger than 1 MiB/);
		execFileSync('mkfifo', [tree.path('pipe')]);
		await expect(loadConfig(tree.path('pipe'), {})).rejects.toThrow(/is a named pipe/);
	});
});

describe('a mistake is one line with file, line and fix', () => {
	test.each([
		['delay = 0', ':1: delay: 0 is out of range (0.1 to 3600)'],
		['\n# x\ndelay = "soon"', ":3: delay: 'soon' is not a number"],
		['delay = true', ':1: delay needs a value'],
		['mouse = "maybe"', ":1: mouse: 'maybe' is neither true nor false"],
		['theme = "pink"', ":1: theme: 'pink' is not one of auto, dark, light"],
		['colour = 3', ":1: unknown key 'colour'; known are tab, delay, without, own-cost, theme"],
		['batch = true', ":1: unknown key 'batch'"],
		['[io]\nslow = 5\nslwo = 6', ":3: unknown key 'slwo' in [io]; known are sort, group, slow"],
		['[gpu]', ':1: unknown table [gpu]; known are keys, overview, energy'],
		['delay = 1\n[energy]\nsort = "colour"', ":3: sort: tab energy has no 'colour'; it has"],
		['[io]\ngroup = "family"', ":2: group: tab io has no 'family'"],
		['[keys]\nfly = "x"', ":2: no command 'fly'; there are help"],
		['[keys]\nfilter = "Hyper-X"', ':2: "Hyper-X" is no key'],
		['[keys]\nfilter = 5', ':2: 5 is no key'],
		['[keys]\nfilter = "x"\nsort-menu = ["x"]', ':3: key x is given to both filter and sort-menu'],
		['delay = ', ':1: column'],
		['delay = 1\ndelay = 2', ':2: column'],
		['delay = 1\n\ntheme = "da', ':3: column'],
	])('%j', async (toml, message) => {
		const error = await resolve(toml).then(
			() => undefined,
			(reason: unknown) => reason as Error,
		);
		expect(error).toBeInstanceOf(UsageError);
		expect(error?.message).toContain(`${tree.path('config.toml')}${message}`);
		expect(error?.message).not.toContain('\n');
	});

	test('environment', async () => {
		await expect(resolve('', [], { WATTLAG_DELAY: 'soon' })).rejects.toThrow("WATTLAG_DELAY: 'soon' is not a number");
		await expect(resolve('', [], { WATTLAG_SORT: 'x' })).rejects.toThrow("WATTLAG_SORT: tab overview has no 'x'");
	});

	test('a bad filter on the command line names the place', async () => {
		await expect(resolve('', ['--filter', 'p99 > 5x'])).rejects.toThrow(
			"--filter 'p99 > 5x' at column 7: unknown unit 'x'",
		);
	});
});

describe('rows of the table of reasons', () => {
	const toml = [
		'[events.reasons."drop:NO_SOCKET"]',
		'severity = "normal"',
		'meaning = "our probes"',
		'[events.reasons."kernel:*"]',
		'severity = "high"',
		'advice = "page \\u001b[31m on-call"',
	].join('\n');

	test('are changed by tables of the file: severity, cause, meaning, advice', async () => {
		const { sections } = await resolve(toml);
		const { reasons } = eventSettings(sections['events'] ?? {});
		const changed = new Reasons(reasons);
		expect(changed.of('drop', 'NO_SOCKET')).toMatchObject({ severity: 'normal', cause: 'peer', meaning: 'our probes' });
		expect(changed.of('reset-sent', 'NO_SOCKET').severity).toBe('notice');
		expect(changed.of('kernel', 'SEGFAULT')).toMatchObject({ severity: 'high', advice: 'page ^[[31m on-call' });
		// the user's goes before that of a message
		expect(changed.severityOf('kernel', 'BUG', 'severe')).toBe('high');
		expect(new Reasons().severityOf('kernel', 'BUG', 'severe')).toBe('severe');
		expect(new HiddenReasons([], [], false, changed).has('drop', 'NO_SOCKET')).toBe(true);
		expect(new HiddenReasons([], ['NO_SOCKET'], false, changed).has('drop', 'NO_SOCKET')).toBe(false);
	});

	test.each([
		['[events.reasons."drop:NO_SOCKET"]\nseverity = "bad"', /config\.toml:1: .*severity is one of severe, high/],
		['[events.reasons."nothing:X"]\nseverity = "high"', /no kind of event 'nothing'/],
		['delay = 2\n[events.reasons.NO_SOCKET]\ncolour = "red"', /config\.toml:2: .*unknown key 'colour'/],
		['[events.reasons.NO_SOCKET]\nadvice = 5', /advice is not a text/],
		['[events]\nreasons = 5', /reasons is not a table/],
		['[events.reasons]\nNO_SOCKET = "high"', /a row has severity, cause, meaning and advice/],
	])('a mistake: %j', async (text, message) => {
		await expect(resolve(text)).rejects.toThrow(message);
	});
});

describe('schema', () => {
	test('takes the example of docs/config.md, which the program takes too', async () => {
		const validate = new Ajv2020({ allowUnionTypes: true }).compile(configSchema(tracers));
		const example = /```toml\n([\s\S]*?)```/.exec(readFileSync('docs/config.md', 'utf8'))?.[1] ?? '';
		expect(validate(parse(example)), JSON.stringify(validate.errors)).toBe(true);
		await resolve(example);
		expect(validate({ delay: 0 })).toBe(false);
		expect(validate({ colour: 3 })).toBe(false);
		expect(validate({ keys: { fly: 'x' } })).toBe(false);
	});
});

test('every default key is one that the file could name', () => {
	for (const key of defaultBindings.flatMap(({ keys }) => keys)) expect(isKey(key), key).toBe(true);
});
