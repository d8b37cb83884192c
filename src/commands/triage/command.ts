/** `wattlag triage`: observes for some seconds, prints what is wrong and the next command, and ends. */
import { BECOME_ROOT, EXIT } from '../../core/errors.ts';
import { goBeforeOthers, INTERACTIVE } from '../../system/priority.ts';
import { type Command, print, startSampler } from '../command.ts';

/** Default, seconds. */
const DURATION = 10;

export const triage: Command = {
	name: 'triage',
	by: { word: 'triage' },
	usage: 'triage',
	usageOptions: '[--duration S] [--json]',
	summary: 'what is wrong here: observes 10 s, prints findings, evidence and the next command',
	takes: ['json', 'duration'],
	async run(context) {
		const { line, registry } = context;
		const overview = registry.map(({ tracer }) => tracer).find(({ id }) => id === 'overview');
		if (!overview) return EXIT.unavailable;
		goBeforeOthers(INTERACTIVE);
		const { observe } = await import('./observe.ts');
		const { localHost } = await import('../../system/local-host.ts');
		const { triageJson, triageOf, triageText } = await import('../../tracers/overview/triage.ts');
		const from = (overview.from ?? []).filter((id) => !line.without.includes(id));
		const sampler = await startSampler(context, { tabs: [...from, overview.id], firstDelay: line.delay });
		const seconds = Number(line.values['duration']) || DURATION;
		const { snapshots, failure, unprivileged } = await observe(sampler, overview.id, seconds);
		sampler.close();
		if (snapshots.length === 0) {
			process.stderr.write(`wattlag: ${failure === '' ? 'ended before the first interval' : failure}\n`);
			return EXIT.unavailable;
		}
		const report = triageOf(snapshots, localHost().host, unprivileged ? BECOME_ROOT : null);
		// without rights most rules are not checked: that none speaks means nothing
		const code = report.severity !== null ? EXIT[report.severity] : unprivileged ? EXIT.unavailable : 0;
		const text =
			line.values['json'] === true
				? JSON.stringify(triageJson(report, code))
				: triageText(report, Math.min(110, process.stdout.columns ?? 110)).join('\n');
		return (await print(`${text}\n`)) || code;
	},
};
