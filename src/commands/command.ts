/** What a command is: its words ({@link CommandSpec}) and its work. */
import { type HostPaths, openHost } from '../bpf/open-host.ts';
import { UsageError } from '../core/errors.ts';
import type { Host } from '../core/tracer.ts';
import type { CommandLine, CommandSpec } from '../options/command.ts';
import { type Entry, loadTracers } from '../registry.ts';
import type { LocalSampler } from '../sampling/local-sampler.ts';
import type { WorkerSampler } from '../sampling/worker-sampler.ts';
import { Output } from './output.ts';

/** What a command gets to do its work with. */
export interface Context {
	line: CommandLine;
	registry: readonly Entry[];
	version: string;
	/** Paths of the addon and of the BPF objects. */
	built: Pick<HostPaths, 'addonPath' | 'objectDir'>;
	/** The sampling thread's module. */
	workerUrl: URL;
}

export interface Command extends CommandSpec {
	/** Resolves with the exit code. Heavy modules are imported here and not before. */
	run(context: Context): Promise<number>;
}

function pathsOf({ line: { procRoot, sysRoot }, built }: Context): HostPaths {
	return { ...built, procRoot, sysRoot };
}

export function hostOf(context: Context): Host {
	return openHost(pathsOf(context));
}

export interface SamplerChoice {
	/** Ids of the tabs to be measured, the most urgent one first. */
	tabs: string[];
	/** Seconds. */
	firstDelay: number;
}

/** Start the sampling thread, for a screen: drawing never delays sampling. */
export async function startWorker(context: Context, choice: SamplerChoice): Promise<WorkerSampler> {
	const { WorkerSampler } = await import('../sampling/worker-sampler.ts');
	const { delay, groups, sections, without, ownCost, debug } = context.line;
	return new WorkerSampler(context.workerUrl, {
		...choice,
		...pathsOf(context),
		delay,
		groups,
		sections,
		without,
		ownCost,
		debug,
	});
}

export interface LocalChoice extends SamplerChoice {
	/** Tracers on demand run too. */
	onDemand?: boolean;
	/** All snapshots of an interval have come. */
	endTick?(): void;
}

/**
 * Sample in this thread, for everything without a screen: a second thread costs as much CPU time again and 20 MB. Subscribe
 * before the next turn of the event loop. An output that blocks makes the interval longer.
 */
export async function startSampler(context: Context, choice: LocalChoice): Promise<LocalSampler> {
	const { LocalSampler } = await import('../sampling/local-sampler.ts');
	const { delay, groups, sections, without, ownCost } = context.line;
	const { tabs, firstDelay, onDemand, endTick } = choice;
	return new LocalSampler({
		// the first one is the active tab
		tracers: await loadTracers(tabs),
		host: hostOf(context),
		firstDelay,
		onDemand,
		endTick,
		delay,
		groups,
		sections,
		without,
		ownCost,
	});
}

/** Signals that end a command. */
export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Aborts at the first signal, so that what was measured is still printed. @param seen is given that signal before */
export function untilSignal(seen: (signal: EndSignal) => void = () => {}): AbortSignal {
	const stop = new AbortController();
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
		process.once(signal, () => {
			if (!stop.signal.aborted) seen(signal);
			stop.abort();
		});
	return stop.signal;
}

/** Print a whole text. Resolves with the exit code. */
export function print(text: string): Promise<number> {
	const output = new Output();
	output.print(text);
	return output.end();
}

/** @throws {UsageError} where no screen can be shown, with what to use instead */
export function needTerminal(instead: string, forScripts = ''): void {
	if (!process.stdout.isTTY || !process.stdin.isTTY)
		throw new UsageError(`standard input and output must be a terminal; for scripts: ${instead}${forScripts}`);
	if (process.env['TERM'] === 'dumb')
		throw new UsageError(`this terminal cannot show a full screen (TERM=dumb); use ${instead}`);
}
