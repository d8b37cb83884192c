/** Entry point: command line → live screen or batch output. Nothing heavy is imported before it is known to be needed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type HostPaths, openHost } from './bpf/open-host.ts';
import { Output } from './commands/batch/output.ts';
import { Unavailable, UsageError } from './core/errors.ts';
import { loadAddon } from './core/native.ts';
import { sanitize } from './lib/sanitize.ts';
import { loadConfig } from './options/config/file.ts';
import { configPath, type Flags, noFlags } from './options/flags.ts';
import { helpText } from './options/help.ts';
import { type CommandLine, resolveOptions } from './options/resolve.ts';
import { isOn } from './options/values.ts';
import { registry } from './registry.ts';
import type { WorkerSampler } from './sampling/worker-sampler.ts';
import { localHost } from './system/local-host.ts';
import { openScreen } from './ui/screen.ts';

const BAD_USAGE = 2;
const UNAVAILABLE = 77;
/** A first interval this short fills the screen soon; seconds. */
const FIRST_DELAY = 0.5;

/** Path of a file of the checkout; the bundle lies one folder below its root. */
function fromRoot(path: string): string {
	return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

const addonPath = fromRoot('build/wattlag.node');

function version(): string {
	return (JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as { version: string }).version;
}

function paths({ procRoot, sysRoot }: CommandLine): HostPaths {
	return { addonPath, objectDir: fromRoot('build/bpf'), procRoot, sysRoot };
}

/** In this thread, which draws, the addon is for the terminal only. */
const native = () => loadAddon(addonPath);

async function startSampler(
	command: CommandLine,
	tabs: string[],
	firstDelay: number,
	packs: boolean,
): Promise<WorkerSampler> {
	const { WorkerSampler } = await import('./sampling/worker-sampler.ts');
	return new WorkerSampler(new URL('./worker.mjs', import.meta.url), {
		tabs,
		...paths(command),
		delay: command.delay,
		firstDelay,
		groups: command.groups,
		sections: command.sections,
		without: command.without,
		packs,
	});
}

async function batch(command: CommandLine): Promise<number> {
	const tracer = registry.map((entry) => entry.tracer).find(({ id }) => id === command.tab);
	if (!tracer) return BAD_USAGE;
	const { runBatch } = await import('./commands/batch/batch.ts');
	const from = (tracer.from ?? []).filter((id) => !command.without.includes(id));
	const source = await startSampler(command, [...from, tracer.id], command.delay, false);
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
		process.once(
			signal,
			() => void source.close().then(() => process.exit(signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 129)),
		);
	}
	const code = await runBatch(source, {
		tracer,
		json: command.json,
		iterations: command.iterations,
		limit: command.limit,
		sort: command.sorts[tracer.id] ?? tracer.defaultSort,
		filter: command.filter,
		failIf: command.failIf,
		tracers: registry.map((entry) => entry.tracer),
	});
	await source.close();
	return code;
}

/** Aborts at the first signal, so that what was measured is still shown. */
function untilSignal(): AbortSignal {
	const stop = new AbortController();
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
	return stop.signal;
}

/** Resolves with the exit code. */
function print(text: string): Promise<number> {
	const output = new Output();
	output.print(text);
	return output.end();
}

async function compare(command: CommandLine): Promise<number> {
	const { compareLive } = await import('./commands/compare/run.ts');
	const { comparisonJson, comparisonTable } = await import('./commands/compare/report.ts');
	const { power, 'idle-share': idleShare } = command.sections['energy'] ?? {};
	const result = await compareLive(
		openHost(paths(command)),
		{ duration: command.duration, model: { tdp: Number(power), idleShare: Number(idleShare) / 100 } },
		untilSignal(),
	);
	return print(command.json ? comparisonJson(result) : comparisonTable(result, Math.min(command.limit, 20)));
}

async function doctor(command: CommandLine): Promise<number> {
	const { diagnose } = await import('./commands/doctor/doctor.ts');
	const { doctorJson, doctorText } = await import('./commands/doctor/report.ts');
	const diagnosis = await diagnose(
		openHost(paths(command)),
		registry.map((entry) => entry.tracer),
		{ ...command, program: `wattlag ${version()}` },
	);
	const failed = await print(command.json ? doctorJson(diagnosis) : doctorText(diagnosis, process.stdout.columns));
	return failed || diagnosis.exitCode;
}

async function slices(command: CommandLine): Promise<number> {
	const { streamSlices } = await import('./commands/slices/stream.ts');
	const output = new Output();
	await streamSlices(openHost(paths(command)), { ...command, print: (text) => output.print(text) }, untilSignal());
	return output.end();
}

/** The screen needs one that can place the cursor; what does without is said. */
function needTerminal(instead: string, forScripts = ''): void {
	if (!process.stdout.isTTY || !process.stdin.isTTY)
		throw new UsageError(`standard input and output must be a terminal; for scripts: ${instead}${forScripts}`);
	if (process.env['TERM'] === 'dumb')
		throw new UsageError(`this terminal cannot show a full screen (TERM=dumb); use ${instead}`);
}

async function live(command: CommandLine): Promise<number> {
	needTerminal('wattlag --batch', ' --json');
	const host = localHost();
	const screen = openScreen({ registry, command, host, native });
	// the tab that is looked at first
	const tabs = registry
		.map((entry) => entry.tracer.id)
		.sort((a, b) => Number(b === command.tab) - Number(a === command.tab));
	// before the sampling thread starts, which takes as long and needs the same CPUs: the screen comes first
	const { runLive } = await import('./ui/live.tsx');
	const sampler = await startSampler(command, tabs, FIRST_DELAY, true);
	return runLive({ registry, sampler, command, host, screen });
}

/** Nothing is measured: what somebody recorded, perhaps on another machine, is shown. */
async function replay(command: CommandLine): Promise<number> {
	needTerminal('zcat FILE');
	const { openRecording } = await import('./recording/open.ts');
	const { runLive } = await import('./ui/live.tsx');
	const recording = await openRecording(
		command.recording,
		registry.map(({ tracer }) => tracer),
	);
	const screen = openScreen({ registry, command, host: recording.host, native });
	return runLive({ registry, command, ...recording, screen });
}

async function main(): Promise<number> {
	// our name in every list of processes, this one's included
	process.title = 'wattlag';
	const tracers = registry.map((entry) => entry.tracer);
	const words = process.argv.slice(2);
	const flags: Flags =
		words.length > 0 ? (await import('./options/command-line.ts')).readFlags(words, tracers) : noFlags;
	if (isOn(flags.options['help'])) return print(helpText(tracers));
	if (isOn(flags.options['version'])) return print(`wattlag ${version()}\n`);
	const file = await loadConfig(configPath(flags), process.env);
	const command = resolveOptions(flags, tracers, { env: process.env, file });
	switch (command.mode) {
		case 'batch':
			return batch(command);
		case 'compare':
			return compare(command);
		case 'doctor':
			return doctor(command);
		case 'slices':
			return slices(command);
		case 'replay':
			return replay(command);
		case 'live':
			return live(command);
	}
}

// whoever closed it does not want our messages
process.stderr.on('error', () => {});
try {
	process.exitCode = await main();
} catch (error) {
	if (error instanceof Unavailable) {
		process.stderr.write(`wattlag: ${sanitize(error.message)}; ${sanitize(error.fix)}\n`);
		process.exitCode = UNAVAILABLE;
	} else {
		if (!(error instanceof UsageError)) throw error;
		process.stderr.write(`wattlag: ${sanitize(error.message)}\n`);
		process.exitCode = BAD_USAGE;
	}
}
