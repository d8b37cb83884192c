/** The whole keymap, from the bytes of a key to what is on the screen: every command by each of its keys. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type Command, defaultBindings } from '../../src/options/keymap.ts';
import { type DemoScreen, demoScreens } from './demo-screen.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-keymap-'));
afterAll(() => rmSync(folder, { recursive: true }));
vi.stubEnv('TZ', 'UTC');
vi.stubEnv('XDG_STATE_HOME', folder);

const startDemo = demoScreens();

function start(env: Record<string, string> = {}): DemoScreen {
	const fixed = { DEMO_HOLD: '1', DEMO_PAST: '60', DEMO_TAB: 'runqlat' };
	return startDemo({ columns: 100, rows: 30, env: { ...fixed, ...env } });
}

/** What the terminal sends for a key as `term/keys.ts` names it. */
const sequences: Readonly<Record<string, string>> = {
	Left: '\x1b[D',
	Right: '\x1b[C',
	Enter: '\r',
	Esc: '\x1b',
	Tab: '\t',
	'Shift-Tab': '\x1b[Z',
	Space: ' ',
	Backspace: '\x7f',
	Up: '\x1b[A',
	Down: '\x1b[B',
	Home: '\x1b[H',
	End: '\x1b[F',
	PgUp: '\x1b[5~',
	PgDn: '\x1b[6~',
	F1: '\x1bOP',
	F3: '\x1bOR',
	F4: '\x1bOS',
	F6: '\x1b[17~',
	F10: '\x1b[21~',
};

function bytesOf(key: string): string {
	const control = /^Ctrl-(.)$/.exec(key)?.[1];
	return control ? String.fromCharCode(control.charCodeAt(0) - 64) : (sequences[key] ?? key);
}

const selected = (run: DemoScreen) => Number(/^(\d+)\/40 /m.exec(run.text())?.[1] ?? 0);

interface Case {
	/** Keys before. */
	given?: string;
	/** What is on the screen when those have been understood. */
	ready?: RegExp;
	expected: RegExp | ((run: DemoScreen) => boolean);
}

const gone = (pattern: RegExp) => (run: DemoScreen) => !pattern.test(run.text());

/** What each command must do; the type asks for all of them but that which stops the process (test/pty/demo.test.ts). */
const cases: Record<Exclude<Command, 'suspend'>, Case> = {
	help: { expected: /Help {3}1–/ },
	tab: { expected: /wattlag/ },
	finding: { expected: /no finding [A-E] here/ },
	'next-tab': { expected: /NET_RX/ },
	'previous-tab': { expected: /▼WATTS/ },
	filter: { expected: /Enter keeps, Esc clears/ },
	search: { expected: /Enter keeps, Esc leaves/ },
	'search-next': { given: '\\nginx\r', ready: /^4\/40/m, expected: (run) => selected(run) > 4 },
	'search-previous': { given: '\\nginx\r', ready: /^4\/40/m, expected: (run) => selected(run) > 4 },
	'sort-menu': { expected: /Sort by/ },
	'sort-left': { expected: /▼RUNS/ },
	'sort-right': { expected: /▼MEAN/ },
	reverse: { expected: /▲WAIT/ },
	columns: { expected: /\[x\] RUNS/ },
	group: { given: 'j', ready: /^1\/40/m, expected: /^40 rows/m },
	detail: { expected: /Run queue › / },
	back: { given: 'j', ready: /^1\/40/m, expected: /^40 rows/m },
	arguments: { expected: /has no command lines; they are on the overview/ },
	baseline: { expected: /baseline marked: changes are against 12:01:00/ },
	copy: { given: 'j', ready: /^1\/40/m, expected: (run) => run.output.includes('\x1b]52;c;') },
	unit: { expected: /bars are powers of two of ms/ },
	'band-up': { expected: /only rows with times from 1.02ms to 2.05ms/ },
	'band-down': { given: ')', ready: /to 2.05ms/, expected: /only rows with times from 512µs to 1.02ms/ },
	narrow: { expected: /select a row first/ },
	profile: { expected: /profiles are left out|Profile/ },
	mode: { expected: /kinds of profiles are chosen on the profile tab/ },
	probe: { expected: /profiles are left out|profiles the machine for 2 s/ },
	unwind: { expected: /stacks are unwound on the profile tab/ },
	scale: { expected: /logarithmic/ },
	view: { given: '4', ready: / stages .*slow/, expected: /requests over/ },
	'next-stage': { given: '4', ready: / stages .*slow/, expected: /times of fs; Esc/ },
	'previous-stage': { given: '4', ready: / stages .*slow/, expected: /times of total; Esc/ },
	'full-path': { given: '4', ready: /full path on/, expected: /full path off from the next interval/ },
	up: { given: 'jjj', ready: /^3\/40/m, expected: /^2\/40/m },
	down: { expected: /^1\/40/m },
	'page-up': { given: 'G', ready: /^40\/40/m, expected: (run) => selected(run) < 35 },
	'page-down': { expected: (run) => selected(run) > 5 },
	'half-up': { given: 'G', ready: /^40\/40/m, expected: (run) => selected(run) < 39 },
	'half-down': { expected: (run) => selected(run) > 3 },
	first: { given: 'jjj', ready: /^3\/40/m, expected: /^1\/40/m },
	last: { expected: /^40\/40/m },
	pause: { expected: /PAUSED 12:01:00/ },
	'step-back': { expected: /PAUSED 12:00:59, 1s back/ },
	'step-forward': { given: '[[', ready: /2s back/, expected: /1s back/ },
	'jump-back': { expected: /PAUSED 12:00:30, 30s back/ },
	'jump-forward': { given: '[{', ready: /31s back/, expected: /PAUSED 12:00:59, 1s back/ },
	record: { expected: /written: \S+\/wattlag\/wattlag-fixture-\S+\.jsonl\.gz/ },
	capture: { expected: /captured: \S+\/wattlag\/captures\/capture-\S+-key\.wlb/ },
	captures: { expected: /captures of other hosts are listed on the fleet/ },
	'go-to-time': { expected: /Enter goes there, Esc leaves/ },
	'next-finding': { expected: /no finding begins after this/ },
	'previous-finding': { expected: /PAUSED/ },
	'next-event': { expected: /no event of level high or severe after this/ },
	'previous-event': { expected: /PAUSED/ },
	'next-mark': { expected: /no mark after this/ },
	'previous-mark': { expected: /no mark before this/ },
	live: { given: '[', ready: /PAUSED/, expected: gone(/PAUSED/) },
	faster: { expected: /● 0.5s/ },
	slower: { expected: /● 2s/ },
	redraw: { expected: (run) => run.output.split('\x1b[2J').length > 3 },
	quit: { expected: (run) => !run.fullScreen },
};

describe('every key of every command', () => {
	for (const { command, keys } of defaultBindings) {
		if (command === 'suspend') continue;
		const { given = '', ready = /▼WAIT/, expected } = cases[command];
		test.each(keys)(`${command}: %s`, async (key) => {
			const run = start();
			await run.waitFor(/▼WAIT[\s\S]*postgres/);
			await run.press(given, ready);
			run.send(bytesOf(key));
			if (command === 'tab')
				await run.waitFor(['IO99', 'ENERGY', '▼WAIT', 'NET_RX', 'vda', 'PROTO'][Number(key)] ?? '▼WAIT');
			else await run.waitFor(expected);
		});
	}
});

describe('filter', () => {
	test('an error is shown under its place, and the last right filter stays in use', async () => {
		const run = start();
		await run.waitFor(/▼WAIT[\s\S]*postgres/);
		await run.press('/post and p99 > 5x', "unknown unit 'x'");
		const lines = run.screen();
		const at = lines.findIndex((line) => line.startsWith('/post'));
		expect(lines[at + 1]?.indexOf('^')).toBe(lines[at]?.indexOf('5x'));
		await run.press('\r', "unknown unit 'x'");
		await run.press('\x7fms\r', 'filter post and p99 > 5ms');
	});

	test('Tab completes a column', async () => {
		const run = start();
		await run.waitFor(/▼WAIT[\s\S]*postgres/);
		await run.press('/wat\t', '/watts ');
		await run.press('\x15p\t', /Tab: .*p50 .*p99/);
	});

	test('stays when the tab changes; what does not apply is named', async () => {
		const run = start({ DEMO_FILTER: 'watts > 1mW and post' });
		await run.waitFor('ignored here: watts > 1mW');
		await run.press('1', /▼WATTS[\s\S]*postgres/);
		expect(run.text()).not.toContain('ignored');
		expect(run.text()).not.toContain('java');
	});
});

test('the selection follows the process to the other tab', async () => {
	const run = start({ DEMO_TAB: 'energy' });
	await run.waitFor(/▼WATTS[\s\S]*postgres/);
	await run.press('\\sshd\r', /^\d+\/40/m);
	await run.press('2\r', /Run queue › sshd\[\d+\]/);
});

describe('findings', () => {
	test('A goes to tab, row and filter of the first finding, Esc comes back', async () => {
		const run = start({ DEMO_TAB: 'overview' });
		await run.waitFor(/^A vda: .* reads [\s\S]*? since\s+\d\d:/m);
		await run.press('A', /filter device = vda and op = read/);
		await run.waitFor(/^1\/1 /m);
		expect(run.text()).toMatch(/▼P99/);
		expect(run.text()).not.toMatch(/^nvme0n1/m);
		await run.press('\x1b', /^A vda/m);
		expect(run.text()).not.toMatch(/filter device/);
	});

	test('a letter without a finding is reported', async () => {
		const run = start({ DEMO_TAB: 'overview', DEMO_EMPTY: 'energy,runqlat,irq,io' });
		await run.waitFor('nothing stands out');
		await run.press('E', 'no finding E here');
	});

	test('rebound: the screen shows the keys that are in use', async () => {
		const run = start({ DEMO_TAB: 'overview', DEMO_KEYS: '{"finding":["!","@"]}' });
		await run.waitFor(/^! vda: /m);
		await run.press('!', /filter device = vda/);
	});

	test('the past has the findings of the past', async () => {
		const run = start({ DEMO_TAB: 'overview', DEMO_PAST: '29' });
		await run.waitFor(/^A vda/m);
		await run.press('{', /PAUSED[\s\S]*nothing stands out/);
	});
});

test('baseline: the change of the sorted column, arrows at the others', async () => {
	const run = start();
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	await run.press('{b', 'baseline marked');
	await run.press('.', (it) => /Δ 12:00:30/.test(it.text()) && /WAIT +Δ/.test(it.text()) && /[+-]\d+%/.test(it.text()));
	expect(run.text()).toMatch(/[▲▼]\d/);
	await run.press('b', 'baseline forgotten');
	expect(run.text()).not.toContain('Δ');
});

test('time travel: all tabs show the same moment', async () => {
	const run = start();
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	await run.press('{[', 'PAUSED 12:00:29, 31s back');
	for (const key of ['1', '3', '4']) {
		await run.press(key, (it) => it.text().includes('PAUSED 12:00:29, 31s back'));
	}
	await run.press('{{{', 'nothing older is kept');
});

test('columns: hidden and moved', async () => {
	const run = start();
	await run.waitFor(/ID +RUNS\/s/);
	await run.press('c>', /\[x\] RUNS[\s\S]*\[x\] ID/);
	await run.press('jj ', /\[ \] MEAN/);
	await run.press('\x1b', /^ *RUNS\/s +ID +▼WAIT +P50/m);
});

test('copy gives the terminal the row as text', async () => {
	const run = start();
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	await run.press('jy', 'copied');
	const [, data = ''] = /\x1b\]52;c;([^\x07]+)\x07/.exec(run.output) ?? [];
	expect(Buffer.from(data, 'base64').toString()).toMatch(/^ID 1000, RUNS\/s .*, COMMAND postgres$/);
});

test('mouse, when asked for: rows, sort, tabs, wheel; reports are off again at the end', async () => {
	const run = start({ DEMO_MOUSE: '1' });
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	expect(run.output).toContain('\x1b[?1006h');
	const header = run.screen().findIndex((line) => line.includes('▼WAIT'));
	const column = (run.screen()[header] as string).indexOf('P99') + 1;
	await run.press(`\x1b[<0;5;${header + 4}M`, /^3\/40/m);
	await run.press(`\x1b[<65;5;${header + 4}M`, /^6\/40/m);
	await run.press(`\x1b[<0;${column + 1};${header + 1}M`, '▼P99');
	await run.press('\x1b[<0;3;2M', '▼WATTS');
	await run.press('q', (it) => !it.fullScreen);
	expect(run.output.lastIndexOf('\x1b[?1006l')).toBeGreaterThan(run.output.lastIndexOf('\x1b[?1006h'));
});

test('no mouse unless asked for', async () => {
	const run = start();
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	expect(run.output).not.toContain('\x1b[?1000h');
});

test('rebound keys work and are what help says', async () => {
	const run = start({ DEMO_KEYS: '{"sort-menu":["x"],"filter":["F2"]}' });
	await run.waitFor(/▼WAIT[\s\S]*postgres/);
	expect(run.text()).toContain('F2Filter');
	await run.press('x', 'Sort by');
	await run.press('\x1b', gone(/Sort by/));
	await run.press('\x1bOQ', 'Enter keeps');
});

describe('themes', () => {
	test.each([
		['dark', /\x1b\[[0-9;]*48;5;80/],
		['light', /\x1b\[[0-9;]*48;5;25/],
		['colour-blind', /\x1b\[[0-9;]*48;5;250/],
	])('%s', async (theme, expected) => {
		const run = start({ DEMO_THEME: theme });
		await run.waitFor(/▼WAIT[\s\S]*postgres/);
		expect(run.output).toMatch(expected);
	});

	test('16 colours where the terminal has no more', async () => {
		const run = start({ DEMO_COLOURS: '16' });
		await run.waitFor(/▼WAIT[\s\S]*postgres/);
		expect(run.output).not.toMatch(/[34]8;5/);
		expect(run.output).toMatch(/\x1b\[[0-9;]*42/);
	});

	test('monochrome', async () => {
		const run = start({ DEMO_THEME: 'monochrome' });
		await run.waitFor(/▼WAIT[\s\S]*postgres/);
		expect(run.output).not.toMatch(/\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])m/);
	});

	test('ASCII when asked for', async () => {
		const run = start({ DEMO_ASCII: '1' });
		await run.waitFor('postgres');
		expect(run.output).toMatch(/^[\x00-\x7f]*$/);
	});
});
