/** Entry point: command line → command. Nothing heavy is imported before it is known to be needed. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Context, print } from './commands/command.ts';
import { commands } from './commands/commands.ts';
import { EXIT, Unavailable, UsageError, WrongValue } from './core/errors.ts';
import { optimiseLate } from './lib/optimise-late.ts';
import { sanitize } from './lib/sanitize.ts';
import { enlargeYoungGeneration } from './lib/young-generation.ts';
import { wordOf } from './options/command.ts';
import { loadConfig } from './options/config/file.ts';
import { configPath, type Flags, noFlags } from './options/flags.ts';
import { commandHelp, helpText } from './options/help.ts';
import { resolveOptions } from './options/resolve.ts';
import { isOn } from './options/values.ts';
import { registry } from './registry.ts';

/** Relative to the checkout: the bundle lies in dist/. */
function fromRoot(path: string): string {
	return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Of this machine's addon and BPF objects: an npm package has those of every machine. */
function builtPaths(): Context['built'] {
	const prebuilt = fromRoot(`prebuilds/${process.arch}`);
	if (!existsSync(prebuilt)) return { addonPath: fromRoot('build/wattlag.node'), objectDir: fromRoot('build/bpf') };
	// musl's dynamic linker exists beside glibc's on some machines: which one runs this Node is in its report
	const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
	report.excludeNetwork = true;
	const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
	const libc = header.glibcVersionRuntime === undefined ? 'musl' : 'gnu';
	return { addonPath: `${prebuilt}/wattlag.${libc}.node`, objectDir: `${prebuilt}/bpf` };
}

function readVersion(): string {
	return (JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as { version: string }).version;
}

async function main(): Promise<number> {
	optimiseLate();
	enlargeYoungGeneration();
	// our name in every list of processes, this one's included
	process.title = 'wattlag';
	const program = { tracers: registry.map((entry) => entry.tracer), commands };
	const words = process.argv.slice(2);
	const flags: Flags =
		words.length > 0 ? (await import('./options/command-line.ts')).readFlags(words, program) : noFlags;
	if (isOn(flags.options['help'])) {
		const topic = flags.help === undefined ? undefined : commands.find((one) => wordOf(one)?.word === flags.help);
		return print(topic ? commandHelp(topic, program) : helpText(program));
	}
	if (isOn(flags.options['version'])) return print(`wattlag ${readVersion()}\n`);
	const file = await loadConfig(configPath(flags), process.env);
	const line = resolveOptions(flags, program, { env: process.env, file });
	for (const [option, folder] of [
		['sys-root', line.sysRoot],
		['proc-root', line.procRoot],
	] as const) {
		// those of the machine may be missing, which is a finding of its own
		if (flags.options[option] !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory())
			throw new UsageError(`--${option} ${folder}: no such folder`);
	}
	const command = commands.find(({ name }) => name === line.command);
	if (!command) throw new Error(`no command ${line.command}`);
	if (line.debug !== '') {
		const { debug, openDebugLog } = await import('./core/debug-log.ts');
		openDebugLog(line.debug);
		debug(() => `wattlag ${readVersion()}, command ${line.command}, Node ${process.version}, Linux ${release()}`);
	}
	return command.run({
		line,
		registry,
		version: readVersion(),
		built: builtPaths(),
		workerUrl: new URL('./worker.mjs', import.meta.url),
	});
}

// Node would open its debugger at this signal: a port through which every user of the machine could become this one
process.on('SIGUSR1', () => {});
// its reader has closed it and wants no messages
process.stderr.on('error', () => {});
try {
	process.exitCode = await main();
} catch (error) {
	if (error instanceof Unavailable) {
		process.stderr.write(`wattlag: ${sanitize(error.message)}; ${sanitize(error.fix)}\n`);
		process.exitCode = error instanceof WrongValue ? EXIT.usage : EXIT.unavailable;
	} else {
		const mistake = error instanceof UsageError;
		const text = mistake ? sanitize(error.message) : (await import('./core/stack.ts')).stackLines(error).join('\n  ');
		process.stderr.write(`wattlag: ${text}\n`);
		process.exitCode = mistake ? EXIT.usage : 1;
	}
}
