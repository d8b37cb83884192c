/** Records until the time is over, a command has ended or a signal comes. */
import { closeSync, constants as fs, fsyncSync, readFileSync, writeSync } from 'node:fs';
import { Unavailable, UsageError, WrongValue } from '../../core/errors.ts';
import { checkOwnFolder, makeOwnFolder } from '../../core/own-folder.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { counted, formatBytes } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { CommandLine } from '../../options/command.ts';
import { words } from '../../options/common.ts';
import { MARKS } from '../../recording/archive.ts';
import { CAPTURES } from '../../recording/capture.ts';
import { Folder } from '../../recording/folder.ts';
import { Merging } from '../../recording/merging.ts';
import { Recorder } from '../../recording/recorder.ts';
import { defaultFree, type Limits } from '../../recording/retention.ts';
import { recordingFolder } from '../../recording/write.ts';
import { localHost } from '../../system/local-host.ts';
import { goBeforeOthers, RECORDER } from '../../system/priority.ts';
import { Capturing } from '../capturing.ts';
import { type Context, hostOf, startSampler, untilSignal } from '../command.ts';
import { minutesOf } from './minutes.ts';
import { Pace } from './pace.ts';
import { Session, type Signalled } from './session.ts';

const MIB = 2 ** 20;
const say = (line: string): void => {
	process.stderr.write(`wattlag: ${sanitize(line)}\n`);
};

/** The folder that the user named, else the machine's own. */
function folderOf({ argument }: CommandLine): string {
	if (argument !== '') return argument;
	return process.geteuid?.() === 0 ? '/var/lib/wattlag' : `${recordingFolder()}/record`;
}

function bootId(procRoot: string): string {
	try {
		return readFileSync(`${procRoot}/sys/kernel/random/boot_id`, 'latin1').trim().replaceAll('-', '');
	} catch {
		return '0'.repeat(32);
	}
}

function limitsOf({ values }: CommandLine, folder: Folder): Limits {
	const free = Number(values['keep-free']) * MIB;
	return {
		age: Number(values['keep-hours']) * 3_600_000,
		lowAge: Number(values['keep-days']) * 86_400_000,
		bytes: Number(values['keep-size']) * MIB,
		free: free === 0 ? defaultFree(folder.space().size) : free,
	};
}

/** CPU time at most, as a share of one CPU; intervals of less than a second were asked for with their cost. */
function cpuLimit({ values, delay }: CommandLine): number {
	return Number(values['max-cpu']) / 100 / Math.min(1, delay);
}

/** @throws {UsageError} where it is a link or no file, or may not be written */
function ownFile(folder: Folder, name: string, flags: number): number {
	try {
		return folder.openOwn(name, flags);
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

/** One recorder per folder: the kernel ends the lock with the process, however that ends. */
function lock(folder: Folder, context: Context): number {
	const fd = ownFile(folder, 'lock', fs.O_RDWR);
	if (hostOf(context).addon.lockFile(fd)) return fd;
	closeSync(fd);
	throw new UsageError(`${folder.path}: another wattlag records there; wattlag replay --follow shows it`);
}

/** Add a line to the marks of a folder, recorded by any process. */
export async function addMark(line: CommandLine): Promise<number> {
	const path = folderOf(line);
	await checkOwnFolder(path, 'name another folder').catch((error: Error) => {
		throw new UsageError(
			`${error.message}${/no such file/.test(error.message) ? `; wattlag record ${path} makes it` : ''}`,
		);
	});
	const folder = new Folder(path);
	const mark = { wall: Date.now(), mono_ns: monotonicNs(), boot: bootId(line.procRoot), text: line.values['mark'] };
	const fd = ownFile(folder, MARKS, fs.O_WRONLY | fs.O_APPEND);
	writeSync(fd, `${JSON.stringify(mark)}\n`);
	fsyncSync(fd);
	closeSync(fd);
	await folder.sync();
	folder.close();
	return 0;
}

/** The configuration file in use; undefined: none, or it cannot be read. */
function configText({ values }: CommandLine): string | undefined {
	const path = String(values['config']);
	if (path === '') return undefined;
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return undefined;
	}
}

export async function runRecord(context: Context): Promise<number> {
	const { line, registry, version } = context;
	const path = folderOf(line);
	await makeOwnFolder(path, 'name another folder').catch((error: Error) => {
		throw new UsageError(error.message);
	});
	const folder = new Folder(path);
	const locked = lock(folder, context);
	const named = words(String(line.values['tabs']));
	const tracers = registry
		.map(({ tracer }) => tracer)
		.filter(({ id, onDemand }) => !line.without.includes(id) && (named.length === 0 ? !onDemand : named.includes(id)));
	// a command that is recorded would inherit it
	if (line.rest.length === 0) goBeforeOthers(RECORDER);
	const machine = localHost();
	const merging = new Merging(registry.map(({ tracer }) => tracer));
	const recorder = new Recorder({
		folder,
		about: {
			host: machine.host,
			kernel: machine.kernel,
			cpus: machine.cpus,
			boot: sanitize(bootId(line.procRoot)),
			version: sanitize(version),
			step: line.delay,
		},
		tabs: registry.map(({ tracer }) => tracer.id),
		limits: limitsOf(line, folder),
		...(Number(line.values['keep-days']) > 0 && {
			merge: (snapshot: Snapshot) => merging.add(snapshot),
			mergeRest: () => merging.end(),
		}),
		say,
	});
	const signalled = Promise.withResolvers<Signalled>();
	untilSignal((signal) => signalled.resolve({ kind: 'signalled', signal }));
	const capturing = new Capturing({
		kinds: words(String(line.values['capture'])),
		expression: String(line.values['capture-if']),
		tracers,
		path: `${path}/${CAPTURES}`,
		about: { version, host: machine.host, kernel: machine.kernel },
		config: configText(line),
		afterMs: Number(line.values['capture-after']) * 1000,
		say,
		minutes: async (from) => {
			await recorder.idle();
			return minutesOf(folder, from);
		},
	});
	process.on('SIGUSR2', () => capturing.ask('signal'));
	const session = new Session({
		recorder,
		capturing,
		pace: new Pace({ seconds: line.delay, limit: cpuLimit(line) }),
		tabs: tracers.length,
		say,
	});
	const sampler = await startSampler(context, {
		tabs: tracers.map(({ id }) => id),
		firstDelay: line.delay,
		onDemand: true,
		endTick: () => session.flush(),
	});
	sampler.subscribe((event) => session.take(event));
	session.setInterval = (seconds) => sampler.setInterval(seconds);
	const end = await session.until(signalled.promise, line);
	sampler.close();
	session.flush();
	await capturing.close();
	await recorder.close();
	const { frames, bytes, lost, failed, stopped } = recorder.status;
	closeSync(locked);
	folder.close();
	if (end.kind === 'unavailable') throw new (end.wrong_value ? WrongValue : Unavailable)(end.reason, end.fix);
	const { captured, suppressed } = capturing.counts;
	const captures = captured + suppressed > 0 ? `; captured ${captured}, suppressed ${suppressed}` : '';
	say(
		`${path}: ${counted(frames, 'frame')}, ${formatBytes(bytes, 'full')}${lost > 0 ? `; ${counted(lost, 'frame')} lost` : ''}${captures}`,
	);
	if (end.kind === 'failed') return 1;
	if (failed || stopped !== undefined) return end.code === 0 ? 1 : end.code;
	return end.code;
}
