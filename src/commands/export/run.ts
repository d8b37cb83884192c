/** Runs `wattlag export`; loaded for it only. */
import { UsageError } from '../../core/errors.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { words } from '../../options/common.ts';
import type { AnyRecording } from '../../recording/recordings.ts';
import { Redaction } from '../../recording/redaction.ts';
import type { Context } from '../command.ts';
import { Output } from '../output.ts';
import { fillOutputFile, openOutputFile } from '../output-file.ts';
import { formats } from './formats.ts';
import { LIVE, recordLive } from './live.ts';

async function* ofTabs(
	snapshots: AsyncIterable<Snapshot>,
	tabs: readonly string[],
	redaction: Redaction | undefined,
): AsyncGenerator<Snapshot> {
	for await (const snapshot of snapshots)
		if (tabs.includes(snapshot.tab)) yield redaction ? redaction.snapshot(snapshot) : snapshot;
}

async function toOutput(chunks: AsyncIterable<string | Uint8Array>): Promise<number> {
	const output = new Output();
	for await (const chunk of chunks) if (!(await output.write(chunk))) break;
	return output.end();
}

export async function runExport(context: Context): Promise<number> {
	const { line, registry, version } = context;
	const tracers = registry.map(({ tracer }) => tracer);
	const wanted = line.tab !== '' ? [line.tab] : words(String(line.values['tabs']));
	const format = formats.find(({ name }) => name === line.values['format']);
	if (!format) throw new UsageError(`--format: there is no '${line.values['format']}'`);
	const live = line.argument === LIVE;
	const chosen = tracers.filter(({ id, onDemand }) =>
		wanted.length === 0 ? !(live && onDemand) && !line.without.includes(id) : wanted.includes(id),
	);
	const exporter = await format.load();
	const out = String(line.values['out']);
	// of the running machine, an unwritable file is reported before the wait
	const early = live && out !== '' ? await openOutputFile('out', out) : undefined;
	const { openNamed } = await import('../../recording/recordings.ts');
	const ids = chosen.map(({ id }) => id);
	const measured = live ? await recordLive(context, ids, format.slices === true) : undefined;
	const stored = measured ? undefined : await openNamed(line.argument, tracers);
	const recording = measured ?? (stored as AnyRecording);
	const slices = measured?.slices ?? [];
	const redaction = line.values['redact'] === true ? new Redaction() : undefined;
	// a name is replaced in sentences that come before it, too
	if (redaction && stored) for await (const snapshot of stored.snapshots()) redaction.learn(snapshot);
	const chunks = exporter({
		machine: redaction
			? { ...recording.machine, host: redaction.word('host', recording.machine.host) }
			: recording.machine,
		tracers: chosen,
		snapshots: ofTabs(recording.snapshots(), ids, redaction),
		// a user's own words may be anything
		marks: redaction
			? recording.marks.map((mark) => ({ ...mark, text: redaction.word('mark', mark.text) }))
			: recording.marks,
		slices: redaction ? slices.map((slice) => ({ ...slice, comm: redaction.word('proc', slice.comm) })) : slices,
		line,
		version,
	});
	const code = out === '' ? await toOutput(chunks) : 0;
	if (out !== '') await fillOutputFile('out', out, early ?? (await openOutputFile('out', out)), chunks);
	for (const text of stored?.damage() ?? []) process.stderr.write(`wattlag: ${sanitize(line.argument)}: ${text}\n`);
	stored?.close();
	return code;
}
