/** Names of functions where they are hard to come by, against sources whose names are known. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Profile } from '../../src/profile/model.ts';
import { Debuginfod } from '../../src/symbols/debuginfod.ts';
import { Elf, MemoryBytes } from '../../src/symbols/elf.ts';
import { end, leashed, temporaryDirectory } from './leftovers.ts';
import { begin, buildProfiled, endAll, figures, load, loadOf, namesOf, take } from './profiled.ts';
import { freePort } from './prometheus.ts';

const directory = temporaryDirectory(join(process.cwd(), 'build/profile-'));
const path = (name: string) => join(directory.path, name);
const program = path('profiled');
buildProfiled(program);
const run = (command: string, ...args: string[]) =>
	execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

afterEach(endAll);
afterAll(() => directory.remove());

const namesIn = (profile: Profile): string[] => profile.frames.map(({ name }) => name);

/** The program without symbols, and the file of its symbols. */
function stripped(name: string): { file: string; symbols: string } {
	const [file, symbols] = [path(name), path(`${name}.debug`)];
	run('objcopy', '--only-keep-debug', program, symbols);
	run('strip', '--strip-all', program, '-o', file);
	return { file, symbols };
}

test('compressed symbols of a stripped program (.gnu_debugdata)', async () => {
	const { file, symbols } = stripped('profiled-mini');
	const { pid } = await load(file, 'shares');
	expect(namesIn(await take('on-cpu', pid, 300, 997))).not.toContain('seventy');
	await endAll();
	// as find-debuginfo of RPM makes it: a file of symbols only, compressed, in a section of its own
	const functions = run('nm', symbols).matchAll(/ [Tt] (\S+)$/gm);
	writeFileSync(path('functions'), Array.from(functions, ([, name]) => `${name}\n`).join(''));
	const mini = path('mini');
	run('objcopy', '-S', '--remove-section=.gdb_index', `--keep-symbols=${path('functions')}`, symbols, mini);
	run('xz', '-f', mini);
	run('objcopy', '--add-section', `.gnu_debugdata=${mini}.xz`, file, path('profiled-with'));
	const profile = await take('on-cpu', (await load(path('profiled-with'), 'shares')).pid, 300, 997);
	expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'twenty']));
	expect(profile.late_symbols.compressed).toEqual({ asked: 1, found: 1, refused: 0 });
});

test('a process whose first thread has ended: it goes on, with its names', async () => {
	const { pid } = await load(program, 'leaderless');
	expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) Z /);
	const profile = await take('on-cpu', pid, 300, 997);
	expect(profile.target_ended).toBe(false);
	expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'twenty']));
	expect(profile.quality.ended_processes).toBe(0);
});

describe('debuginfod', () => {
	let server: Server | undefined;
	let requests: string[] = [];
	const cache = path('cache');

	/** Answers with these bytes for this build, and with 404 for all others. */
	async function serve(buildId: string, answer: Uint8Array | string): Promise<string> {
		requests = [];
		server = createServer((request, response) => {
			requests.push(request.url ?? '');
			if (request.url !== `/x/buildid/${buildId}/debuginfo`) return void response.writeHead(404).end();
			if (typeof answer === 'string') return void response.writeHead(302, { location: answer }).end();
			response.writeHead(200).end(answer);
		});
		await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
		return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
	}

	afterEach(async () => {
		await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
		server = undefined;
		rmSync(cache, { recursive: true, force: true });
	});

	const buildIdOf = (file: string) => new Elf(new MemoryBytes(readFileSync(file))).buildId() as string;
	const nameAt = async (one: Debuginfod, buildId: string) => {
		const table = await one.tableOf(buildId);
		const [, address = '0'] = /^([0-9a-f]+) . seventy$/m.exec(run('nm', program)) ?? [];
		const found = table?.find(Number.parseInt(address, 16));
		return found && Buffer.from(found.name).toString();
	};

	test('symbols of a stripped program come from the server that is named, once', async () => {
		const { file, symbols } = stripped('profiled-served');
		const url = await serve(buildIdOf(program), readFileSync(symbols));
		const { pid } = await load(file, 'shares');
		const profile = await take('on-cpu', pid, 300, 997, false, { debuginfod: url, debuginfodFolder: cache });
		expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'twenty']));
		expect(profile.late_symbols.debuginfod).toMatchObject({ found: 1, failed: 0 });
		expect(profile.late_symbols.debuginfod?.bytes).toBe(statSync(symbols).size);
		expect(requests).toContain(`/x/buildid/${buildIdOf(program)}/debuginfo`);
		expect(requests.every((one) => /^\/x\/buildid\/[0-9a-f]+\/debuginfo$/.test(one))).toBe(true);
	});

	test('none is asked unless it is named', async () => {
		const url = await serve(buildIdOf(program), readFileSync(stripped('profiled-unasked').symbols));
		process.env['DEBUGINFOD_URLS'] = url;
		try {
			const { pid } = await load(path('profiled-unasked'), 'shares');
			const profile = await take('on-cpu', pid, 300, 997);
			expect(namesIn(profile)).not.toContain('seventy');
			expect(profile.late_symbols.debuginfod).toBeNull();
			expect(requests).toEqual([]);
			expect(await nameAt(new Debuginfod('env', cache), buildIdOf(program))).toBe('seventy');
		} finally {
			delete process.env['DEBUGINFOD_URLS'];
		}
	});

	test('an answer is kept in a folder of our own; another build, a redirect to elsewhere and damage are refused', async () => {
		const { symbols } = stripped('profiled-kept');
		const id = buildIdOf(program);
		const url = await serve(id, readFileSync(symbols));
		expect(await nameAt(new Debuginfod(url, cache), id)).toBe('seventy');
		expect(statSync(cache).mode & 0o777).toBe(0o700);
		expect(readdirSync(cache)).toEqual([`${id}.debug`]);
		expect(statSync(join(cache, `${id}.debug`)).mode & 0o777).toBe(0o600);
		// the second time no server is asked
		requests = [];
		const again = new Debuginfod(url, cache);
		expect(await nameAt(again, id)).toBe('seventy');
		expect(requests).toEqual([]);
		// what the user of another build would get
		const other = 'ab'.repeat(20);
		await new Promise((resolve) => server?.close(resolve));
		const lying = new Debuginfod(await serve(other, readFileSync(symbols)), cache);
		expect(await lying.tableOf(other)).toBeUndefined();
		expect(lying.failure).toMatch(/another build/);
		expect(readdirSync(cache)).toEqual([`${id}.debug`]);
		await new Promise((resolve) => server?.close(resolve));
		const leading = new Debuginfod(await serve(other, 'http://example.com/'), cache);
		expect(await leading.tableOf(other)).toBeUndefined();
		expect(leading.failure).toMatch(/not https/);
		// a server that fails does not keep the next one from being asked
		await new Promise((resolve) => server?.close(resolve));
		rmSync(cache, { recursive: true });
		const reached = await serve(id, readFileSync(symbols));
		const second = new Debuginfod(`http://127.0.0.1:${await freePort()}/ ${reached}`, cache);
		expect(await nameAt(second, id)).toBe('seventy');
		expect(second.counts).toMatchObject({ asked: 1, found: 1, failed: 0 });
		expect(await new Debuginfod(url, cache).tableOf('../../etc/passwd')).toBeUndefined();
	});
});

test('a stripped C++ program: names of C++ and Rust, mangled in its dynamic symbols', async () => {
	const file = path('profiled-cxx');
	run('clang++', '-O1', '-fno-omit-frame-pointer', '-rdynamic', 'test/truth/fixtures/mangled.cc', '-o', file);
	run('strip', '--strip-all', file);
	const { pid } = await load(file);
	const profile = await take('on-cpu', pid, 500, 997);
	const shares = figures(profile);
	const n = shares.reduce((sum, { self }) => sum + self, 0);
	for (const name of ['wattlag_test::Worker<long>::spin(long)', 'tokenize::Lexer::next', 'tokenize::lexer::next']) {
		const found = shares.find((one) => one.name === name);
		expect(found?.module, name).toBe('profiled-cxx');
		expect((found?.total ?? 0) / n, name).toBeGreaterThan(0.1);
	}
});

test('a program of a container: it is in a mount namespace of its own, at a path that is another file here', async () => {
	const place = path('container');
	mkdirSync(place);
	writeFileSync(join(place, 'profiled-inside'), 'another file, as seen from here');
	const script = `mount -t tmpfs none ${place} && cp ${program} ${place}/profiled-inside && exec ${place}/profiled-inside shares`;
	const { pid } = await load('/usr/bin/unshare', '--mount', '--propagation', 'unchanged', 'sh', '-c', script);
	const profile = await take('on-cpu', pid, 300, 997);
	expect(readFileSync(join(place, 'profiled-inside'), 'utf8')).toMatch(/^another file/);
	expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'twenty', 'main']));
	expect(profile.frames.find(({ name }) => name === 'seventy')?.module).toBe('profiled-inside');
});

test('a process that ends while it is profiled: its names stay, and the end is reported', async () => {
	const child = await load(program, 'shares');
	const one = begin('wall', child.pid, 997);
	await setTimeout(300);
	one.drain();
	expect(one.targetEnded).toBe(false);
	await end(child);
	expect(one.targetEnded).toBe(true);
	one.stop();
	const profile = one.profile();
	expect(profile.target_ended).toBe(true);
	expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'main']));
	expect(one.targetExists()).toBe(false);
});

test('functions that Node compiles or interprets, by its perf map', async () => {
	const script = path('hot.js');
	writeFileSync(
		script,
		'function hotLoop(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) | 0; return s; }\nfunction outer() { for (;;) hotLoop(1e6); }\nouter();\n',
	);
	const log = ['--no-logfile-per-isolate', `--logfile=${path('v8.log')}`];
	const options = ['--perf-basic-prof', '--interpreted-frames-native-stack', ...log, script];
	// newer ones rename their main thread at once
	const { pid } = await loadOf(/^(node|MainThread)$/m, process.execPath, ...options);
	try {
		await setTimeout(300);
		const profile = await take('on-cpu', pid, 500, 997);
		const hot = figures(profile).filter(({ kind, name }) => kind === 'jit' && /hotLoop .*hot\.js/.test(name));
		const n = figures(profile).reduce((sum, { self }) => sum + self, 0);
		expect(hot.reduce((sum, { self }) => sum + self, 0) / n).toBeGreaterThan(0.7);
		expect(figures(profile).some(({ name }) => /outer .*hot\.js/.test(name))).toBe(true);
	} finally {
		rmSync(`/tmp/perf-${pid}.map`, { force: true });
	}
});

test('a program that runs from memory: its file has no path', async () => {
	const script = `import os, sys
fd = os.memfd_create('profiled')
os.write(fd, open('${program}', 'rb').read())
os.execv('/proc/self/fd/%d' % fd, ['profiled', 'shares'])`;
	const { pid } = await loadOf('', '/usr/bin/python3', '-c', script);
	while (!readlinkSync(`/proc/${pid}/exe`).startsWith('/memfd:')) await setTimeout(10);
	const profile = await take('on-cpu', pid, 300, 997);
	expect(namesIn(profile)).toEqual(expect.arrayContaining(['seventy', 'main']));
});

test('Python without its own perf map: the interpreter is seen, not the functions of the script', async () => {
	const python = '/usr/bin/python3';
	const { pid } = await loadOf('python3', python, '-c', 'def hot():\n  while True: sum(range(1000))\nhot()');
	await setTimeout(200);
	const profile = await take('on-cpu', pid, 400, 997, true);
	expect(namesIn(profile)).toContain('_PyEval_EvalFrameDefault');
	expect(namesIn(profile).filter((name) => /hot/.test(name))).toEqual([]);
	expect(profile.quality.cut / profile.quality.user_stacks).toBeLessThan(0.1);
});

test('a Go program of the distribution, stripped: its stacks are those that Go itself prints', async () => {
	const dump: Buffer[] = [];
	const agent = new Agent({ keepAlive: true, maxSockets: 2 });
	const port = await freePort();
	const child = spawn(...leashed('prometheus-pushgateway', `--web.listen-address=127.0.0.1:${port}`), {
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	const gone = once(child, 'exit');
	child.stderr.on('data', (part: Buffer) => dump.push(part));
	const ask = () =>
		new Promise<boolean>((resolve) =>
			get({ port, host: '127.0.0.1', path: '/metrics', agent }, (answer) => {
				answer.resume();
				resolve(true);
			}).on('error', () => resolve(false)),
		);
	try {
		for (let tries = 0; !(await ask()); tries++) {
			if (tries > 500 || child.exitCode !== null) throw new Error(`no answer: ${Buffer.concat(dump)}`);
			await setTimeout(20);
		}
		const asking = setInterval(() => void ask(), 20);
		const profile = await take('wall', child.pid as number, 1500, 997, false, {});
		clearInterval(asking);
		child.kill('SIGQUIT');
		await gone;
		const printed = Buffer.concat(dump).toString();
		const ours = profile.stacks.map((stack) => namesOf(profile, stack));
		// of the connection that is still open: "net/http.(*conn).serve(…)" and "created by net/http.(*Server).Serve"
		expect(printed).toContain('\nnet/http.(*conn).serve(');
		const serving = ours.filter((names) => names.includes('net/http.(*conn).serve'));
		expect(serving.length).toBeGreaterThan(0);
		for (const names of serving) {
			expect(names[0]).toBe('runtime.goexit');
			expect(names[1]).toMatch(/^net\/http\.\(\*Server\)\.Serve/);
		}
	} finally {
		agent.destroy();
		await end(child);
	}
});
