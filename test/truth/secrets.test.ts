/** Every exit of the program, beside a process whose arguments have secrets in them: its command line is there, they are not. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect } from 'vitest';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import { RemoteSampler } from '../../src/fleet/remote-sampler.ts';
import { openBundle } from '../../src/recording/bundle.ts';
import { kernelLog } from '../../src/recording/capture.ts';
import { registry } from '../../src/registry.ts';
import { test } from '../pty/runs.ts';

const SECRETS = ['Zq7first', 'Zq7second', 'Zq7third', 'Zq7fourth'];
const WORD = 'zq7-visible-word';

let folder: string;
let victim: ChildProcess;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'wattlag-secrets-'));
	const [first, second, third, fourth] = SECRETS;
	const args = [WORD, '--password', first, `--api-key=${second}`, `postgres://bob:${third}@db/x`, '-p', fourth];
	const script = join(folder, 'tool');
	writeFileSync(script, 'while :; do i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; sleep 0.02; done', {
		mode: 0o755,
	});
	// a short path: the word is on a screen of 200 columns
	victim = spawn('sh', ['tool', ...(args as string[])], { cwd: folder, stdio: 'ignore' });
});
afterAll(() => {
	victim.kill('SIGKILL');
	rmSync(folder, { recursive: true, force: true });
});

const run = promisify(execFile);
async function wattlag(...args: string[]): Promise<string> {
	const { stdout, stderr } = await run('bin/wattlag', args, { maxBuffer: 1 << 28, encoding: 'latin1' }).catch(
		(error: { stdout: string; stderr: string }) => error,
	);
	return `${stdout}${stderr}`;
}

function expectMasked(text: string, what: string): void {
	for (const secret of SECRETS) expect(text.includes(secret), `${what} has ${secret}`).toBe(false);
}

test('text and JSON of a batch', async () => {
	// the busiest command lines are read first, those of a busy machine within several intervals
	const overview = ['--batch', '--tab', 'overview', '--arguments', '--iterations', '5', '--delay', '0.2'];
	const json = await wattlag(...overview, '--json');
	const text = await wattlag(...overview);
	expect(json).toContain(WORD);
	expectMasked(json, 'JSON');
	expectMasked(text, 'text');
});

test('a recording, all its exports, its report, its bundle', async () => {
	const path = join(folder, 'recording');
	await wattlag('record', path, '--arguments', '--duration', '2', '--delay', '0.4');
	const lines = await wattlag('export', path);
	expect(lines).toContain(WORD);
	expectMasked(lines, 'jsonl');
	for (const name of readdirSync(path)) expectMasked(readFileSync(join(path, name), 'latin1'), name);
	for (const format of ['csv', 'perfetto', 'chrome', 'openmetrics'])
		expectMasked(await wattlag('export', path, '--format', format), format);
	const [report, bundle] = [join(folder, 'report.html'), join(folder, 'x.wlb')];
	await wattlag('report', path, '-o', report);
	await wattlag('export', path, '--format', 'wlb', '--out', bundle);
	expectMasked(readFileSync(report, 'latin1'), 'report');
	for (const { name, bytes } of openBundle(readFileSync(bundle)).files) expectMasked(bytes.toString('latin1'), name);
	const redacted = await wattlag('export', path, '--redact');
	expect(redacted).not.toContain(WORD);
});

test('measure, triage, doctor, profile, events', async () => {
	const command = ['--', 'true', '--password', SECRETS[0] as string, WORD];
	for (const text of [await wattlag('measure', '--json', ...command), await wattlag('measure', ...command)]) {
		expect(text).toContain(WORD);
		expectMasked(text, 'measure');
	}
	for (const words of [
		['triage', '--json', '--duration', '1'],
		['doctor', '--json'],
		['profile', '--duration', '1', '--json'],
		['--batch', '--tab', 'events', '--json', '--iterations', '1', '--delay', '0.4'],
	])
		expectMasked(await wattlag(...words), words.join(' '));
});

test('the agent: its rows and the details of a process', async () => {
	const sampler = new RemoteSampler({
		command: ['bin/wattlag', 'agent', '--stdio', '--arguments'],
		host: 'here',
		tabs: registry.map(({ tracer }) => tracer),
		...{ delay: 0.4, groups: {}, active: 'overview', pauses: { first: 50, longest: 100 } },
	});
	try {
		const commands = await new Promise<string>((resolve) => {
			sampler.subscribe((event: SamplerEvent) => {
				if (event.kind === 'live') sampler.tune?.('overview', { arguments: true });
				const text = event.kind === 'snapshot' ? JSON.stringify(event.snapshot) : '';
				if (text.includes(WORD)) resolve(text);
			});
		});
		expectMasked(commands, 'agent');
		const details = JSON.stringify(await sampler.inspect({ pid: victim.pid as number, start: 0 }));
		expectMasked(details, 'details');
	} finally {
		await sampler.close();
	}
});

test('the screen, what y copies, and what w writes', async ({ inTerminal }) => {
	const home = join(folder, 'home');
	const screen = inTerminal('bin/wattlag', ['--arguments', '--filter', `cmd ~ ${WORD}`], {
		...{ columns: 200, rows: 50 },
		env: { XDG_STATE_HOME: home, HOME: home },
	});
	await screen.waitFor(new RegExp(`sh tool ${WORD}`));
	screen.send('j');
	await screen.press('y', /copied/);
	await screen.press('w', /written/);
	await screen.press('\r', /threads/);
	screen.send('q');
	await screen.ended();
	expectMasked(screen.output, 'the terminal');
	const copied = Array.from(screen.output.matchAll(/\x1b\]52;c;([\w+/=]+)/g), ([, text = '']) =>
		Buffer.from(text, 'base64').toString('utf8'),
	).join('\n');
	expect(copied).toContain(WORD);
	expect(copied).toContain('***');
	expectMasked(copied, 'the clipboard');
	const written = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
	expect(written.length).toBeGreaterThan(0);
	for (const { parentPath, name } of written) expectMasked(readFileSync(join(parentPath, name), 'latin1'), name);
});

test('the log of the kernel in a bundle', () => {
	const [first, , third] = SECRETS;
	// without the end of its line it is not to be read before the next one
	writeFileSync('/dev/kmsg', `<6>wattlag-test: ${WORD} --password ${first} postgres://bob:${third}@db/x\n`);
	const log = kernelLog()?.toString('latin1') ?? '';
	expect(log).toContain(WORD);
	expectMasked(log, 'kmsg.txt');
});
