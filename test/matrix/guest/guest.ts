/** What a check works with, in the guest. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { openHost } from '../../../src/bpf/open-host.ts';
import type { Host, Options, Tracer } from '../../../src/core/tracer.ts';
import type { Background, Guest, Measuring } from '../check.ts';
import { DISK_DEVICES, type Machine } from '../machines.ts';

const MAX_BUFFER = 1 << 28;

/** Of a run without a screen (scripts/node-flags.ts), set by the bundler. */
declare const WATTLAG_NODE_FLAGS: readonly string[];

/** As bin/wattlag runs it, without its check of what has to be built. */
const PROGRAM = [process.execPath, ...WATTLAG_NODE_FLAGS, 'dist/wattlag.mjs'] as const;

function started(child: ChildProcess): Background {
	let output = '';
	const first = Promise.withResolvers<string>();
	child.stdout?.setEncoding('utf8').on('data', (text: string) => {
		output += text;
		if (output.includes('\n')) first.resolve(output.split('\n')[0] as string);
	});
	const ended = new Promise<number>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
	});
	void ended.then(
		(code) => first.reject(new Error(`${child.spawnfile} ended with ${code} before it had printed a line`)),
		first.reject,
	);
	// they fail the check only where it waits for them
	first.promise.catch(() => undefined);
	return {
		pid: child.pid as number,
		ended,
		firstLine: first.promise,
		output: () => output,
		// with what it has started
		kill: (signal = 'SIGTERM') => process.kill(-(child.pid as number), signal),
	};
}

function execute(command: string, args: readonly string[]): Promise<string> {
	return new Promise((resolve, reject) => {
		execFile(command, args, { encoding: 'utf8', maxBuffer: MAX_BUFFER }, (error, stdout, stderr) => {
			if (!error) resolve(stdout);
			else
				reject(new Error(`${command} ${args.join(' ')} ended with ${error.code}: ${(stderr || stdout).slice(-1500)}`));
		});
	});
}

/** @returns the guest of one check, its notes, and what ends the check */
export function guestOf(
	machine: Machine,
	onHost: Guest['onHost'],
): { guest: Guest; notes: string[]; end(): Promise<void> } {
	const cleanUps: (() => unknown)[] = [];
	const notes: string[] = [];
	const host: Host = openHost({
		addonPath: `${process.cwd()}/build/wattlag.node`,
		objectDir: `${process.cwd()}/build/bpf`,
		procRoot: '/proc',
		sysRoot: '/sys',
	});
	const start = (command: string, ...args: (string | number)[]): Background => {
		const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
		const background = started(child);
		cleanUps.push(async () => {
			if (child.exitCode !== null || child.signalCode !== null) return;
			background.kill('SIGKILL');
			await background.ended;
		});
		return background;
	};
	const guest: Guest = {
		machine,
		disk: DISK_DEVICES[machine.disk],
		folder: mkdtempSync('/run/check-'),
		host,
		program: PROGRAM,
		run: (command, ...args) => execute(command, args.map(String)),
		shell: (script) => execute('sh', ['-ec', script]),
		start,
		wattlag: (...args) => execute(PROGRAM[0], [...PROGRAM.slice(1), ...args]),
		helper: (name) => `${process.cwd()}/build/matrix/${name}`,
		measure<Row extends object, Extra extends object>(
			tracer: Tracer<Row, Extra>,
			options: Options = {},
			group = tracer.groups[0] as string,
		): Measuring<Row, Extra> {
			const session = tracer.start(host, options, group);
			cleanUps.push(() => session.close());
			let readAt = process.hrtime.bigint();
			return {
				read(of = group) {
					const at = process.hrtime.bigint();
					const reading = session.read(Number(at - readAt), of);
					readAt = at;
					return reading;
				},
				skipped: () => session.cost().recursionMisses,
				tune: (changes) => session.tune?.(changes),
				close: () => session.close(),
			};
		},
		onHost,
		atEnd: (cleanUp) => cleanUps.push(cleanUp),
		note: (text) => notes.push(text),
		seconds: (s) => setTimeout(s * 1000, undefined),
	};
	return {
		guest,
		notes,
		async end() {
			for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
		},
	};
}

/** Load modules, each with its parameters. */
export function loadModules(modules: readonly string[]): void {
	for (const module of modules) execFileSync('/run/matrix/modprobe', module.split(' '), { stdio: 'pipe' });
}
