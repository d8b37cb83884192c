/** `wattlag --batch`: lines or tables for scripts. */
import { EXIT, UsageError } from '../../core/errors.ts';
import { checkFilter } from '../../options/resolve.ts';
import { orUnlimited } from '../../options/values.ts';
import { type Command, startSampler } from '../command.ts';
import { isAboutChanges } from '../threshold.ts';

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** With --follow, an event is printed so soon. */
const FOLLOW_SECONDS = 0.25;

export const batch: Command = {
	name: 'batch',
	by: { option: 'batch' },
	usage: '--batch',
	usageOptions: '[--json] [options]',
	summary: 'print to standard output',
	options: [
		{
			name: 'batch',
			short: 'b',
			type: 'boolean',
			default: false,
			once: true,
			help: 'print to standard output instead of opening the screen',
		},
		{
			name: 'iterations',
			short: 'n',
			type: 'number',
			integer: true,
			default: 0,
			min: 0,
			placeholder: 'N',
			once: true,
			help: 'stop after N intervals (0: never); measure: run the command N times (0: once)',
		},
		{
			name: 'brief',
			type: 'boolean',
			default: false,
			once: true,
			help: 'with --json: rows with events in the interval only, without lists and unknown values (see docs/batch.md)',
		},
		{
			name: 'fail-if',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: "exit code 3 if a row matches, e.g. 'p99 > 50ms' (see docs/batch.md)",
		},
	],
	takes: ['json', 'limit', 'tab', 'sort', 'group', 'filter', 'follow'],
	measuringTab: true,
	check({ values, tab }, tracers) {
		const able = tracers.filter(({ singles }) => singles).map(({ id }) => id);
		if (values['follow'] === true && !able.includes(tab))
			throw new UsageError(`--follow: tab ${tab} has no single events; use --tab ${able.join(', ')}`);
		if (values['brief'] === true && values['json'] !== true) throw new UsageError('--brief is for --json');
		const expression = String(values['fail-if']);
		for (const tracer of tracers) {
			if (tracer.id !== tab || (expression !== '' && isAboutChanges(expression, tracer as never))) continue;
			checkFilter('fail-if', expression, [tracer]);
		}
	},
	async run(context) {
		const { line, registry } = context;
		const tracers = registry.map((entry) => entry.tracer);
		const tracer = tracers.find(({ id }) => id === line.tab);
		if (!tracer) return EXIT.usage;
		// reported, since an option without effect would be taken for one that is in force
		for (const option of line.ofOtherTabs)
			process.stderr.write(`wattlag: --${option} has no effect on tab ${tracer.id}\n`);
		const { runBatch } = await import('./batch.ts');
		const from = (tracer.from ?? []).filter((id) => !line.without.includes(id));
		const sampler = await startSampler(context, { tabs: [...from, tracer.id], firstDelay: line.delay });
		for (const [signal, code] of Object.entries(signals))
			process.once(signal, () => {
				sampler.close();
				process.exit(code);
			});
		if (line.values['follow'] === true) sampler.setInterval(FOLLOW_SECONDS);
		const code = await runBatch(sampler, {
			tracer,
			json: line.values['json'] === true,
			brief: line.values['brief'] === true,
			iterations: orUnlimited(Number(line.values['iterations'])),
			limit: orUnlimited(Number(line.values['limit'])),
			sort: line.sorts[tracer.id] ?? tracer.defaultSort,
			filter: line.filter,
			failIf: String(line.values['fail-if']),
			follow: line.values['follow'] === true,
			tracers,
		});
		sampler.close();
		return code;
	},
};
