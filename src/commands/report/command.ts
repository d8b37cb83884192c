/** `wattlag report`: a recording, or the next seconds, as a page for people. */
import { sanitize } from '../../lib/sanitize.ts';
import { localHost } from '../../system/local-host.ts';
import { type Command, type Context, print, startSampler, untilSignal } from '../command.ts';
import { fillOutputFile, openOutputFile } from '../output-file.ts';

/** By default, s. */
const DURATION = 30;
/** The tab whose stacks become the flame graph. */
const PROFILE = 'profile';
/** The word for the running machine in place of a recording. */
const LIVE = 'live';

async function ofRecording({ line, registry, version }: Context): Promise<string> {
	const { openNamed } = await import('../../recording/recordings.ts');
	const { ReportBuilder } = await import('../../export/report/model.ts');
	const { reportPage } = await import('../../export/report/page.ts');
	const tracers = registry.map(({ tracer }) => tracer);
	const recording = await openNamed(line.argument, tracers);
	const { host, kernel, cpus } = recording.machine;
	const builder = new ReportBuilder({ host, kernel, cpus, version });
	for await (const snapshot of recording.snapshots()) builder.add(snapshot);
	for (const { wall, text } of recording.marks) builder.mark({ at: wall, text });
	for (const text of recording.damage()) process.stderr.write(`wattlag: ${sanitize(line.argument)}: ${text}\n`);
	recording.close();
	return reportPage(builder.report());
}

async function ofMachine(context: Context): Promise<string> {
	const { registry, version, line } = context;
	const { ReportBuilder } = await import('../../export/report/model.ts');
	const { reportPage } = await import('../../export/report/page.ts');
	const { host, kernel, cpus } = localHost();
	const builder = new ReportBuilder({ host, kernel, cpus, version });
	// with the profile, which runs only where it is asked for; packets are not followed
	const wanted = ({ id, onDemand }: { id: string; onDemand?: boolean }) =>
		(!onDemand || id === PROFILE) && !line.without.includes(id);
	const tabs = registry.map(({ tracer }) => tracer).filter(wanted);
	const sampler = await startSampler(context, {
		tabs: tabs.map(({ id }) => id),
		firstDelay: line.delay,
		onDemand: true,
	});
	sampler.subscribe((event) => {
		if (event.kind === 'snapshot') builder.add(event.snapshot);
		if (event.kind === 'unavailable') process.stderr.write(`wattlag: ${event.tab}: ${event.reason}; ${event.fix}\n`);
	});
	const stop = untilSignal();
	await new Promise<void>((resolve) => {
		const timer = setTimeout(resolve, (Number(line.values['duration']) || DURATION) * 1000);
		stop.addEventListener('abort', () => {
			clearTimeout(timer);
			resolve();
		});
	});
	sampler.close();
	return reportPage(builder.report());
}

export const report: Command = {
	name: 'report',
	by: { word: 'report', argument: 'PATH' },
	usage: 'report',
	usageOptions: 'PATH|live [-o FILE]',
	summary: 'one HTML page: findings with their times, energy, waits, IO',
	takes: ['output', 'duration'],
	async run(context) {
		const { line } = context;
		const path = String(line.values['output']);
		const page = () => (line.argument === LIVE ? ofMachine(context) : ofRecording(context));
		if (path === '') return print(await page());
		const recording = line.argument === LIVE ? undefined : await page();
		// of the running machine, an unwritable file is reported before the wait
		const file = await openOutputFile('output', path);
		await fillOutputFile('output', path, file, [recording ?? (await page())]);
		process.stderr.write(`wattlag: written: ${sanitize(path)}\n`);
		return 0;
	},
};
