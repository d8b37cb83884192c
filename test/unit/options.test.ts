import { describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/commands.ts';
import { UsageError } from '../../src/core/errors.ts';
import { ownOptions } from '../../src/options/command.ts';
import { readFlags } from '../../src/options/command-line.ts';
import { commonOptions } from '../../src/options/common.ts';
import { commandHelp, helpText } from '../../src/options/help.ts';
import { resolveOptions, type Sources } from '../../src/options/resolve.ts';
import { registry } from '../../src/registry.ts';

const tracers = registry.map((entry) => entry.tracer);
const program = { tracers, commands };
const parseWith = (argv: readonly string[], sources?: Sources) =>
	resolveOptions(readFlags(argv, program), program, sources);
const parse = (...argv: string[]) => parseWith(argv);

test('without arguments the first tab opens and is read every second', () => {
	expect(parse()).toMatchObject({ command: 'live', tab: 'overview', delay: 1, values: { iterations: 0 } });
});

test('a script that names no tab gets the first one that measures', () => {
	expect(parse('--batch')).toMatchObject({ command: 'batch', tab: 'energy' });
	expect(parse('--batch', '--tab', 'overview')).toMatchObject({ tab: 'overview' });
	expect(parse('--batch', '--sort', 'share')).toMatchObject({ sorts: { energy: 'share' } });
	for (const [name, key] of [
		['mem', 'rss_bytes'],
		['rss', 'rss_bytes'],
		['majflt', 'major_faults'],
		['cmd', 'command_line'],
		['WAIT99', 'wait_p99_ns'],
	])
		expect(parse('--tab', 'overview', '--sort', name as string)).toMatchObject({ sorts: { overview: key } });
	expect(parseWith(['--batch'], { env: { WATTLAG_TAB: 'io' } })).toMatchObject({ tab: 'io' });
});

test('the batch contract', () => {
	expect(parse('--batch', '--json', '--tab', 'io', '--iterations', '3', '--delay', '0.5')).toMatchObject({
		command: 'batch',
		tab: 'io',
		delay: 0.5,
		values: { json: true, iterations: 3 },
	});
});

test('tabs that are left out are not opened either', () => {
	expect(parse('--without', 'overview, energy')).toMatchObject({ without: ['overview', 'energy'], tab: 'runqlat' });
	expect(parse('--batch', '--without', 'energy')).toMatchObject({ tab: 'runqlat' });
	expect(parseWith([], { env: { WATTLAG_WITHOUT: 'io' } })).toMatchObject({ without: ['io'], tab: 'overview' });
});

test('short options as in top', () => {
	expect(parse('-b', '-n', '2', '-d', '2', '-t', 'irq')).toMatchObject({
		command: 'batch',
		delay: 2,
		tab: 'irq',
		values: { iterations: 2 },
	});
});

test('a switch can be turned off, a value may begin with a minus sign', () => {
	expect(parse('--ascii').appearance.ascii).toBe(true);
	expect(parse('--no-ascii').appearance.ascii).toBe(false);
	expect(parse('--ascii=false').appearance.ascii).toBe(false);
	expect(parse('--filter=-x').filter).toBe('-x');
	expect(parse('--filter', '-5').filter).toBe('-5');
});

test('a command is asked for by a word, with its argument, or by a switch', () => {
	expect(parse('replay', 'FILE')).toMatchObject({ command: 'replay', argument: 'FILE' });
	expect(parse('compare', '--live', '--duration', '5')).toMatchObject({ command: 'compare', values: { duration: 5 } });
	expect(parse('doctor', '--json')).toMatchObject({ command: 'doctor', argument: '' });
	expect(parse('-v')).toMatchObject({ command: 'slices', values: { rate: 1000 } });
	expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
});

test('every option that a command takes is one that there is', () => {
	const names = ownOptions(program, commonOptions(tracers)).map(({ name }) => name);
	for (const { takes = [] } of commands) expect(names).toEqual(expect.arrayContaining([...takes]));
	expect(new Set(names).size).toBe(names.length);
});

test("a tracer's options reach its own section only", () => {
	const { sections } = parse('--slow', '25', '-p', '65');
	expect(sections['io']).toMatchObject({ slow: 25 });
	expect(sections['io']).not.toHaveProperty('power');
	expect(sections['energy']).toMatchObject({ power: 65 });
	expect(sections['irq']).not.toHaveProperty('slow');
});

describe('a bad option is one line that names it', () => {
	test.each([
		[['--bogus'], /unknown option --bogus/],
		[['-x'], /unknown option -x/],
		[['--tab', 'gpu'], /--tab: 'gpu' is not one of overview, energy/],
		[['--tab'], /--tab needs a value/],
		[['--delay', 'soon'], /--delay: 'soon' is not a number/],
		[['--delay'], /--delay needs a value/],
		[['--delay', '0'], /--delay: 0 is out of range/],
		[['--delay', '-1'], /--delay: -1 is out of range/],
		[['--delay', '1', '--delay', '2'], /--delay can only be set once/],
		[['--delay', '--batch'], /--delay needs a value/],
		[['--tab', '-oX'], /--tab needs a value: --tab .*'-oX' is an option/],
		[['--delay', '-oProxyCommand=x'], /--delay needs a value/],
		[['--filter', '-x'], /--filter needs a value: --filter .*'-x' is an option/],
		[['--no-delay'], /--delay needs a value/],
		[['--ascii=perhaps'], /--ascii: 'perhaps' is neither true nor false/],
		[['--batch', '--iterations', '1.5'], /whole number/],
		[['--json'], /--json needs --batch/],
		[['--iterations', '3'], /--iterations needs --batch/],
		[['--sort', 'colour'], /--sort: tab overview has no 'colour'/],
		[['--group', 'family'], /--group: tab overview has no 'family'/],
		[['--slow', 'x'], /--slow: 'x' is not a number/],
		[['--pid', '1.5'], /--pid: 1.5 is not a whole number/],
		[['-v', '--rate', '1.5'], /--rate: 1.5 is not a whole number/],
		[['--rate', '5'], /--rate needs -v/],
		[['--duration', '5'], /--duration needs record or export or compare or profile or -v/],
		[['-v', '--batch'], /--batch and -v exclude each other/],
		[['compare', '--live', '--batch'], /compare and --batch exclude each other/],
		[['compare', '--live', '--filter', 'x'], /--filter does not go with compare --live/],
		[['-v', '--tab', 'io'], /--tab does not go with -v/],
		[['replay', 'x', '--batch'], /replay and --batch exclude each other/],
		[['replay', 'x', '--json'], /--json does not go with replay/],
		[['--full-path', '--device-only'], /--full-path and --device-only exclude each other/],
		[['--culprits', '--system-only'], /--culprits and --system-only exclude each other/],
		[['--file', '/a', '--directory', '/b'], /--file and --directory exclude each other/],
		[['--power', '10', '--idle', '11'], /--idle: 11 W is more than --power, 10 W/],
		[['--seed-compatible', '--policy', 'active'], /--seed-compatible and --policy active exclude each other/],
		[['stray'], /unexpected argument 'stray'/],
		[['doctor', 'stray'], /unexpected argument 'stray'/],
		[['replay'], /replay needs a path: wattlag replay PATH/],
		[['record', 'a', 'b'], /unexpected argument 'b'/],
		[['record', '--tabs', 'io,gpu'], /--tabs: no tab 'gpu'; there are overview, energy/],
		[['record', '--tabs', 'io', '--without', 'io'], /--tabs io: left out by --without/],
		[['record', '--tabs', 'energy', '--capture', 'high'], /--capture high needs the tab overview/],
		[['record', '--without', 'events', '--capture', 'oom'], /--capture oom needs the tab events/],
		[['--capture', 'loud'], /--capture: no 'loud'; there are high, severe, drop/],
		[['guest', 'a'], /guest needs a guest/],
		[['guest', 'a', 'b', 'c'], /unexpected argument 'c'/],
		[['record', '--mark', 'x', '--', 'true'], /--mark records nothing/],
		[['record', '--mark', 'x'.repeat(201)], /--mark: longer than 200 characters/],
		[['--batch', '--', 'true'], /unexpected argument 'true' behind --/],
		[['export'], /export needs a path: wattlag export PATH/],
		[['export', 'x', '--format', 'csv!'], /--format: 'csv!' is not one of jsonl/],
		[['compare'], /compare needs two recordings, wattlag compare A B, or --live/],
		[['compare', 'a'], /compare needs another recording: wattlag compare A B/],
		[['compare', 'a', 'b', '--live'], /--live takes no recordings/],
		[['compare', 'a', 'b', '--duration', '3'], /--duration does not go with compare A B/],
		[['compare', 'a', 'b', '--screen', '--json'], /--screen and --json exclude each other/],
		[['compare', 'a', 'b', '--fail-if', 'watts > 1'], /--fail-if/],
		[['--live'], /--live needs compare/],
		[['--debug'], /--debug needs a value/],
		[['--without', 'io,gpu'], /--without: no tab 'gpu'; there are overview, energy/],
		[['--tab', 'io', '--without', 'io'], /--tab io: left out by --without io/],
		[['--without', tracers.map(({ id }) => id).join(',')], /leaves no tab/],
	])('%j', (argv, message) => {
		expect(() => parse(...argv)).toThrow(UsageError);
		expect(() => parse(...argv)).toThrow(message);
		try {
			parse(...argv);
		} catch (error) {
			expect((error as Error).message).not.toContain('\n');
		}
	});
});

test('help names every option, sort key and exit code', () => {
	const help = helpText(program);
	for (const word of [
		'--tab',
		'--delay',
		'--batch',
		'--json',
		'--iterations',
		'--slow',
		'--power',
		'watts',
		'exit codes',
	]) {
		expect(help).toContain(word);
	}
	// the longest name has room before its words
	expect(help).toMatch(/--irq-storm-share PERCENT {1,4}a storm/);
	for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(160);
	expect(help).toContain('--irq-storm-share PERCENT a storm');
});

test('help of a command needs none of its words, and has its own options only', () => {
	for (const argv of [
		['export', '--help'],
		['help', 'export'],
		['export', 'a.wlr', '-h'],
	])
		expect(readFlags(argv, program)).toEqual({ help: 'export', options: { help: true } });
	for (const argv of [['help'], ['--help'], ['-h', '--batch']])
		expect(readFlags(argv, program)).toEqual({ options: { help: true } });
	expect(() => readFlags(['help', 'nope'], program)).toThrow(/no command 'nope'/);
	expect(() => readFlags(['nope', '--help'], program)).toThrow(/unexpected argument 'nope'/);
	for (const command of commands) {
		const help = commandHelp(command, program);
		expect(help).toContain(command.summary.slice(0, 20));
		for (const { name } of command.options ?? []) expect(help).toContain(`--${name}`);
		const named = help.match(/^ +(-., )?--\w[\w-]*/gm) ?? [];
		expect(new Set(named).size).toBe(named.length);
	}
});

test('options of another tab than the one that is printed are named', () => {
	expect(parse('--batch', '--pid', '1', '--tab', 'energy').ofOtherTabs).toEqual(['pid']);
	expect(parse('--batch', '--pid', '1', '--tab', 'io').ofOtherTabs).toEqual([]);
	// the overview is made of the other tabs
	expect(parse('--batch', '--pid', '1', '--power', '9', '--tab', 'overview').ofOtherTabs).toEqual([]);
});
