/** Takes a profile, reports progress on standard error, writes the file. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UsageError } from '../../core/errors.ts';
import type { Host, Options } from '../../core/tracer.ts';
import { counted } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { ProfileFormat } from '../../profile/formats/formats.ts';
import { profileJson } from '../../profile/formats/json.ts';
import type { Profile } from '../../profile/model.ts';
import { cutText, emptyText, lossText, profileTable, serverText, unwoundText } from '../../profile/text.ts';
import { loadDemangler } from '../../symbols/demangle.ts';
import { takingOptions } from '../../tracers/profile/settings.ts';
import { Taking } from '../../tracers/profile/taking.ts';
import { print } from '../command.ts';
import { fillOutputFile, openOutputFile } from '../output-file.ts';

/** How often the mappings of new processes are read, ms: many end after half a second. */
const DRAIN = 50;
/** Longest wait for symbols that are asked for, ms. */
const SETTLE = 60_000;
/** How often progress is reported, ms. */
const REPORT = 1000;

export interface ProfileRun {
	host: Host;
	/** Of the tracer, and `mode`. */
	options: Options;
	seconds: number;
	/** Empty: none. */
	output: string;
	format: ProfileFormat | undefined;
	json: boolean;
	/** Of the table. */
	rows: number;
	version: string;
	stop: AbortSignal;
}

const report = (text: string) => process.stderr.write(text);

/** Resolves with the exit code. Throws where nothing can be measured, or the file cannot be written. */
export async function takeProfile(run: ProfileRun): Promise<number> {
	const { host, options, seconds, output, format, stop } = run;
	// an unwritable file is reported before the wait
	const file = output === '' ? undefined : await openOutputFile('output', output);
	await loadDemangler();
	const { pid } = options;
	const single = typeof pid === 'number' && pid > 0;
	if (single && !existsSync(join(host.procRoot, String(pid))))
		throw new UsageError(`--pid: there is no process ${pid}`);
	try {
		const taking = new Taking(host, takingOptions(options, host.procRoot, String));
		try {
			if (taking.targetEnded)
				throw new UsageError(`--pid: process ${pid} has ended, and its parent has not taken notice`);
			await wait(taking, seconds, stop);
			await settle(taking, stop);
			const profile = taking.profile();
			if (file && format) await fillOutputFile('output', output, file, [await format.write(profile, run.version)]);
			const code = await show(run, profile);
			const exists = taking.targetExists();
			const nothing = emptyText(profile, exists);
			if (nothing === '') return code;
			report(`wattlag: ${sanitize(nothing)}\n`);
			// an idle process is an answer; one that is not there is none
			return exists ? code : 1;
		} finally {
			taking.close();
		}
	} finally {
		await file?.close();
	}
}

async function wait(taking: Taking, seconds: number, stop: AbortSignal): Promise<void> {
	const begin = performance.now();
	const until = begin + seconds * 1000;
	let next = begin + REPORT;
	const live = process.stderr.isTTY;
	report(`wattlag: profiling for ${seconds} s; Ctrl-C ends it earlier${live ? '' : '\n'}`);
	while (!stop.aborted && performance.now() < until && !taking.targetEnded) {
		await setTimeout(Math.min(DRAIN, Math.max(0, until - performance.now())));
		taking.drain();
		if (performance.now() < next || !live) continue;
		next += REPORT;
		report(
			`\r\x1b[Kwattlag: ${Math.round((performance.now() - begin) / 1000)} of ${seconds} s, ${taking.events()} events`,
		);
	}
	if (live) report('\r\x1b[K');
	taking.stop();
	if (taking.targetEnded)
		report(`wattlag: the process ended after ${((performance.now() - begin) / 1000).toFixed(1)} s\n`);
}

/** Symbols that are still being asked for. Bounded; a signal ends it. */
async function settle(taking: Taking, stop: AbortSignal): Promise<void> {
	if (taking.pendingSymbols === 0 || stop.aborted) return;
	report(`wattlag: waiting for symbols of ${counted(taking.pendingSymbols, 'file')}\n`);
	await taking.settleSymbols(AbortSignal.any([stop, AbortSignal.timeout(SETTLE)]));
}

function show(run: ProfileRun, profile: Profile): Promise<number> {
	const { output, format, json, rows } = run;
	const events = profile.stacks.reduce((sum, { count }) => sum + count, 0);
	if (output !== '') {
		const notes = [unwoundText(profile), cutText(profile), serverText(profile), lossText(profile)]
			.filter((text) => text !== '')
			.map((text) => `; ${text}`);
		report(
			`wattlag: ${sanitize(output)}: ${format?.name}, ${events} events, ${profile.stacks.length} stacks${notes.join('')}\n`,
		);
		if (!json) return Promise.resolve(0);
	}
	return print(json ? profileJson(profile) : profileTable(profile, rows));
}
